"""Clients that ask at a given rate, post as fast as they are answered, or hold event streams open.

    python -m benchmarks.load_clients PORT rate PATH --rate 200 --seconds 20
    python -m benchmarks.load_clients PORT posts --clients 8 --seconds 10
    python -m benchmarks.load_clients PORT streams PATH --clients 300

A process of its own, so that none of them waits for what measures them. Prints lines of JSON; the last says
what share of a core the clients themselves took, which the service on the same machine did not have.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from asyncio import StreamReader, StreamWriter
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

HOST = "127.0.0.1"
SPEC = {"preset": "tiny", "dataset": "sample", "tokenizer": "bytes"}
"""Of posted jobs."""
LINE_BYTES = 2**22


class Connection:
    """A kept HTTP/1.1 connection, opened anew after an error."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[StreamReader, StreamWriter] | None = None

    async def ask(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Status and body. raises  OSError, asyncio.IncompleteReadError"""
        if self._streams is None:
            self._streams = await asyncio.open_connection(HOST, self._port, limit=LINE_BYTES)
        reader, writer = self._streams
        try:
            writer.write(request_bytes(method, path, body, headers or {}))
            return await read_answer(reader)
        except (OSError, asyncio.IncompleteReadError):
            self.close()
            raise

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def request_bytes(
    method: str, path: str, body: bytes, headers: dict[str, str], version: str = "1.1"
) -> bytes:
    lines = [f"{method} {path} HTTP/{version}", f"Host: {HOST}", f"Content-Length: {len(body)}"]
    if body:
        lines.append("Content-Type: application/json")
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def read_answer(reader: StreamReader) -> tuple[int, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    status = int(head[0].split(" ")[1])
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    return status, await reader.readexactly(int(headers.get("content-length", 0)))


async def ask_at_a_rate(port: int, path: str, rate: float, seconds: float, clients: int) -> dict[str, Any]:
    """Ask so often a second, whether or not earlier requests are answered; the latencies count from the
    moment at which each request was due."""
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(clients):
        free.put_nowait(Connection(port))
    latencies: list[float] = []
    statuses: Counter[int] = Counter()

    async def ask(due: float) -> None:
        connection = await free.get()
        try:
            status, _ = await connection.ask("GET", path)
        except (OSError, asyncio.IncompleteReadError):
            status = 0
        finally:
            free.put_nowait(connection)
        statuses[status] += 1
        latencies.append(time.monotonic() - due)

    begun = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(round(rate * seconds)):
            due = begun + number / rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            group.create_task(ask(due))
    return {"latencies": latencies, "statuses": statuses, "seconds": time.monotonic() - begun}


async def post_jobs(port: int, clients: int, seconds: float) -> dict[str, Any]:
    """Post jobs, each client the next as soon as the one before is answered; their ids, and how often each
    status was the answer. By its `Idempotency-Key` one whose answer is lost is posted again."""
    ids: list[str] = []
    statuses: Counter[int] = Counter()
    begun = time.monotonic()

    async def post() -> None:
        connection = Connection(port)
        body = json.dumps(SPEC).encode()
        while time.monotonic() < begun + seconds:
            key = {"Idempotency-Key": str(uuid4())}
            status = 0
            while status in {0, 503}:
                try:
                    status, answer = await connection.ask("POST", "/jobs", body, key)
                except (OSError, asyncio.IncompleteReadError):
                    status = 0
                statuses[status] += 1
                if status in {0, 503}:
                    await asyncio.sleep(0.2)
            if status == 201:
                ids.append(json.loads(answer)["id"])
        connection.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(post())
    return {"ids": ids, "statuses": statuses, "seconds": time.monotonic() - begun}


async def hold_streams(port: int, path: str, clients: int) -> dict[str, Any]:
    """Open event streams, say when all are open, and read each to its end: which events with ids each client
    saw, as `id type`, those of all that saw the same together."""
    opened = asyncio.Semaphore(0)
    sequences: Counter[tuple[str, ...]] = Counter()
    progress = 0

    async def follow() -> None:
        nonlocal progress
        reader, writer = await asyncio.open_connection(HOST, port, limit=LINE_BYTES)
        # To a client of 1.0 no chunks are sent, whose ends would stand between the lines.
        writer.write(request_bytes("GET", path, b"", {"Accept": "text/event-stream"}, "1.0"))
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            raise ValueError(head.decode("latin-1"))
        opened.release()
        seen: list[str] = []
        event: dict[str, str] = {}
        while line := await reader.readline():
            text = line.decode().strip()
            name, colon, value = text.partition(":")
            if colon and name in {"id", "event", "data"}:
                event[name] = value.strip()
            elif not text and event:
                if "id" in event and "data" in event:  # a block without data is no event
                    seen.append(f"{event['id']} {event.get('event', 'message')}")
                progress += event.get("event") == "progress"
                event = {}
        writer.close()
        sequences[tuple(seen)] += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(follow())
        for _ in range(clients):
            await opened.acquire()
        print(json.dumps({"open": clients}), flush=True)
    found = [{"clients": count, "events": list(events)} for events, count in sequences.items()]
    return {"sequences": found, "progress": progress}


@contextmanager
def clients_running(port: int, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process of such clients, which is killed if it still runs when the block ends."""
    command = [sys.executable, "-m", "benchmarks.load_clients", str(port), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def printed(process: "subprocess.Popen[str]") -> dict[str, Any]:
    """The next line of its output. raises  ChildProcessError if it ended without one"""
    assert process.stdout
    if not (line := process.stdout.readline()):
        raise ChildProcessError("the clients ended without a result")
    result: dict[str, Any] = json.loads(line)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("port", type=int)
    parser.add_argument("kind", choices=["rate", "posts", "streams"])
    parser.add_argument("path", nargs="?", default="/jobs")
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--clients", type=int, default=32)
    given = parser.parse_args()
    begun, used_s = time.monotonic(), time.process_time()
    match given.kind:
        case "rate":
            result = asyncio.run(
                ask_at_a_rate(given.port, given.path, given.rate, given.seconds, given.clients)
            )
        case "posts":
            result = asyncio.run(post_jobs(given.port, given.clients, given.seconds))
        case _:
            result = asyncio.run(hold_streams(given.port, given.path, given.clients))
    cores = (time.process_time() - used_s) / (time.monotonic() - begun)
    print(json.dumps({**result, "cores": cores}), flush=True)


if __name__ == "__main__":
    main()
