"""A load generator: clients that together would keep a small server from answering anybody else.

    python -m benchmarks.load_generator PORT JOB [--idle 400] [--half-sent 100]
                                        [--generations 200] [--plots 32]

Idle connections, requests that are never finished, prompts that take long, and plots, so many of each at once
for as long as this runs: what ends is begun again. Prints a line of JSON when all of them are connected, and
another when its standard input closes: how often each status was the answer, by kind of request.
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
RECONNECT_S = 0.2
"""After an answer or a closed connection."""
RETRY_S = 5
"""After a 503, as `Retry-After` says."""
HALF_HEAD = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Half"
HALF_BODY = (
    b"POST /jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b'Content-Length: 1000\r\n\r\n{"name": "ha'
)
NO_ANSWER = 0

Answers = dict[str, dict[str, int]]


@dataclass(frozen=True)
class Load:
    """How many clients there are of each kind."""

    idle: int = 400
    half_sent: int = 100
    generations: int = 200
    plots: int = 32


class Clients:
    """All clients of the server at `port`; they ask for texts and plots of one job."""

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

    def start(self, load: Load) -> list["asyncio.Task[None]"]:
        actions: list[Callable[[], Awaitable[int]]] = [
            *[lambda: self._hold(b"")] * load.idle,
            *[lambda: self._hold(HALF_HEAD)] * (load.half_sent // 2),
            *[lambda: self._hold(HALF_BODY)] * (load.half_sent - load.half_sent // 2),
            *[lambda: self._ask("generation", self._generation)] * load.generations,
            *[lambda: self._ask("plot", self._plot)] * load.plots,
        ]
        return [asyncio.create_task(repeat(action)) for action in actions]

    async def _ask(self, kind: str, request: bytes) -> int:
        status = await self._hold(request)
        self.answers[kind][status] += 1
        return status

    async def _hold(self, request: bytes) -> int:
        """Send a request, whole or not, and stay connected until the server closes; the answer's status."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        self.connected += 1
        try:
            writer.write(request)
            answer = await reader.read()
            return int(answer.split(b" ", 2)[1]) if answer else NO_ANSWER
        finally:
            writer.close()


async def repeat(action: Callable[[], Awaitable[int]]) -> None:
    while True:
        status = NO_ANSWER
        with suppress(OSError):
            status = await action()
        await asyncio.sleep(RETRY_S if status == HTTPStatus.SERVICE_UNAVAILABLE else RECONNECT_S)


async def run(clients: Clients, load: Load) -> None:
    """Keep up the load until standard input closes."""
    tasks = clients.start(load)
    while clients.connected < len(tasks):
        await asyncio.sleep(0.05)
    print(json.dumps(asdict(load)), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def under_load(port: int, job_id: str, load: Load) -> Iterator[Answers]:
    """Load from a process of its own while the block runs; after it, how often each status was the answer."""
    answers: Answers = {}
    sizes = [f"--{name.replace('_', '-')}={count}" for name, count in asdict(load).items()]
    command = [sys.executable, "-m", "benchmarks.load_generator", str(port), job_id, *sizes]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        try:
            if not process.stdout.readline():
                raise ChildProcessError("the load generator did not start")
            yield answers
            process.stdin.close()
            answers.update(json.loads(process.stdout.readline()))
        finally:
            process.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("port", type=int)
    parser.add_argument("job")
    for name, count in asdict(Load()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=count)
    arguments = vars(parser.parse_args())
    clients = Clients(arguments.pop("port"), arguments.pop("job"))
    asyncio.run(run(clients, Load(**arguments)))
    print(json.dumps(clients.answers), flush=True)


if __name__ == "__main__":
    main()
