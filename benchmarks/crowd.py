"""Clients that together would keep a small server from answering anybody else.

    python -m benchmarks.crowd PORT JOB [--idle 400] [--half-sent 100] [--generations 200] [--plots 32]

Connections that say nothing, requests that are never finished, prompts that take long, and plots, so many of
each at once for as long as this runs: what ends is begun again. Prints a line of JSON when all of them are
there, and when its standard input closes another: how often each status was the answer, by kind of request.
"""

import argparse
import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from http import HTTPStatus

PROMPT = {"prompt": "Every effort moves you", "max_new_tokens": 10_000}
AGAIN_S = 0.2
"""Before a client that was answered or cut off begins again."""
RETRY_S = 5
"""Before one that was refused for the moment does, as `Retry-After` asks."""
HALF_HEAD = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Half"
HALF_BODY = (
    b"POST /jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b'Content-Length: 1000\r\n\r\n{"name": "ha'
)
NO_ANSWER = 0

Answers = dict[str, dict[str, int]]


@dataclass(frozen=True)
class Size:
    """How many clients there are of each kind."""

    idle: int = 400
    half_sent: int = 100
    generations: int = 200
    plots: int = 32


class Crowd:
    """All clients of one server, which answers at `port` for the job."""

    def __init__(self, port: int, job_id: str) -> None:
        self.connected = 0
        """Connections made so far."""
        self.answers: dict[str, Counter[int]] = {"generation": Counter(), "plot": Counter()}
        self._port = port
        body = json.dumps({"job_id": job_id, **PROMPT}).encode()
        head = "Host: 127.0.0.1\r\nConnection: close\r\n"
        self._generation = (
            f"POST /generate HTTP/1.1\r\n{head}Content-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body
        self._plot = f"GET /jobs/{job_id}/losses.png HTTP/1.1\r\n{head}\r\n".encode()

    def start(self, size: Size) -> list["asyncio.Task[None]"]:
        clients: list[Callable[[], Awaitable[int]]] = [
            *[lambda: self._hold(b"")] * size.idle,
            *[lambda: self._hold(HALF_HEAD)] * (size.half_sent // 2),
            *[lambda: self._hold(HALF_BODY)] * (size.half_sent - size.half_sent // 2),
            *[lambda: self._ask("generation", self._generation)] * size.generations,
            *[lambda: self._ask("plot", self._plot)] * size.plots,
        ]
        return [asyncio.create_task(again(client)) for client in clients]

    async def _ask(self, kind: str, request: bytes) -> int:
        status = await self._hold(request)
        self.answers[kind][status] += 1
        return status

    async def _hold(self, sent: bytes) -> int:
        """Send something, a whole request or not, and stay until the server closes; the answer's status."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        self.connected += 1
        try:
            writer.write(sent)
            answer = await reader.read()
            return int(answer.split(b" ", 2)[1]) if answer else NO_ANSWER
        finally:
            writer.close()


async def again(client: Callable[[], Awaitable[int]]) -> None:
    while True:
        status = NO_ANSWER
        with suppress(OSError):
            status = await client()
        await asyncio.sleep(RETRY_S if status == HTTPStatus.SERVICE_UNAVAILABLE else AGAIN_S)


async def attend(crowd: Crowd, size: Size) -> None:
    """Run the crowd until standard input closes."""
    tasks = crowd.start(size)
    while crowd.connected < len(tasks):
        await asyncio.sleep(0.05)
    print(json.dumps(asdict(size)), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def crowd_at(port: int, job_id: str, size: Size) -> Iterator[Answers]:
    """A crowd in a process of its own, complete while the block runs; after it, what it was answered."""
    answers: Answers = {}
    sizes = [f"--{name.replace('_', '-')}={count}" for name, count in asdict(size).items()]
    command = [sys.executable, "-m", "benchmarks.crowd", str(port), job_id, *sizes]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        try:
            if not process.stdout.readline():
                raise ChildProcessError("the crowd did not come together")
            yield answers
            process.stdin.close()
            answers.update(json.loads(process.stdout.readline()))
        finally:
            process.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("port", type=int)
    parser.add_argument("job")
    for name, count in asdict(Size()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=count)
    given = vars(parser.parse_args())
    crowd = Crowd(given.pop("port"), given.pop("job"))
    asyncio.run(attend(crowd, Size(**given)))
    print(json.dumps(crowd.answers), flush=True)


if __name__ == "__main__":
    main()
