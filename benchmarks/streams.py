"""What streams of events cost, and how soon an event is with whoever follows it.

    python -m benchmarks.streams [--streams 300] [--database-url postgresql+psycopg://...]

Starts an API alone, opens that many streams of one job and of all jobs in turns, and writes an event ten
times a second: the time from the return of its commit until the first and until the last stream has it, and
what the API takes meanwhile, and while nothing happens. At last how many events threads write a second, each
in a transaction of its own as the service writes them, and how many without what puts their ids in the order
of the commits, in turns. Prints markdown for `benchmarks/LOG.md`.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from sqlalchemy import insert
from sqlalchemy.orm import Session

from benchmarks.front_door import summary_ms
from client.address import Address
from client.api.pretrain import Pretrain
from jobs.lifecycle.submission import submit
from jobs.settings import Settings
from jobs.spec.parsing import parse_spec
from jobs.store.database import Database, now_s
from jobs.store.events import record_event
from jobs.store.tables import Event
from migrations.upgrade import upgrade

EVENTS = 100
EVERY_S = 0.1
IDLE_S = 10
WRITERS = 8
WRITES = 100
ROUNDS = 3
SPEC = {"preset": "tiny", "dataset": "sample", "tokenizer": "bytes"}


@contextmanager
def running_api(settings: Settings) -> Iterator[int]:
    """Its process id, once it answers."""
    environment = {"PRETRAIN_DATA_DIR": str(settings.data_dir), "PRETRAIN_PORT": str(settings.port)}
    if settings.database_url is not None:
        environment["PRETRAIN_DATABASE_URL"] = str(settings.database_url)
    command = [sys.executable, "-m", "api"]
    with subprocess.Popen(command, env={**os.environ, **environment}, stderr=subprocess.DEVNULL) as process:
        try:
            yield process.pid
        finally:
            process.terminate()


class Streams:
    """Open streams, in an event loop of a thread of their own. Each notes when it has got which event."""

    def __init__(self, port: int, paths: list[str]) -> None:
        self.got_s: dict[str, list[float]] = {}
        """By the mark of an event, when each stream had it."""
        self._begun = 0
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._open = [asyncio.run_coroutine_threadsafe(self._follow(path), self._loop) for path in paths]
        while self._begun < len(paths):
            time.sleep(0.01)

    async def _follow(self, path: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=2**20)
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n"
        writer.write(request.encode())
        while line := await reader.readline():
            self._begun += line.startswith(b"retry: ")
            if b"mark-" in line:
                mark = line[line.index(b"mark-") :].split(b'"')[0].decode()
                self.got_s.setdefault(mark, []).append(time.monotonic())

    def close(self) -> None:
        for stream in self._open:
            stream.cancel()
        wait(self._open)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


def write_events(database: Database, job_id: str) -> dict[str, float]:
    """By the mark of each event, when its commit had returned."""
    committed_s = {}
    for number in range(EVENTS):
        mark = f"mark-{uuid4().hex}-{number}."  # streams of the job begin with those of the round before
        with database.write() as session:
            record_event(session, job_id, 1, "log", {"lines": [mark]})
        committed_s[mark] = time.monotonic()
        time.sleep(EVERY_S)
    return committed_s


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def threads_of(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def measure_streams(settings: Settings, database: Database, job_id: str, count: int) -> None:
    with running_api(settings) as pid, Pretrain(Address(f"http://127.0.0.1:{settings.port}", "")) as client:
        wait_until_it_answers(client)
        before_mib, before_threads = memory_mib(pid), threads_of(pid)
        paths = [f"/jobs/{job_id}/events" if number % 2 else "/events" for number in range(count)]
        streams = Streams(settings.port, paths)
        idle_from_s = cpu_s(pid)
        time.sleep(IDLE_S)
        idle_share = (cpu_s(pid) - idle_from_s) / IDLE_S
        busy_from_s, since_s = cpu_s(pid), time.monotonic()
        committed_s = write_events(database, job_id)
        busy_share = (cpu_s(pid) - busy_from_s) / (time.monotonic() - since_s)
        while sum(len(streams.got_s.get(mark, [])) for mark in committed_s) < count * EVENTS:
            time.sleep(0.01)
        first = [min(streams.got_s[mark]) - at_s for mark, at_s in committed_s.items()]
        last = [max(streams.got_s[mark]) - at_s for mark, at_s in committed_s.items()]
        kib = 1024 * (memory_mib(pid) - before_mib) / count
        print(
            f"| {count} | {summary_ms(first)} | {summary_ms(last)} | {idle_share:.1%} | {busy_share:.1%} ",
            end="",
        )
        print(f"| {kib:.0f} KiB | {threads_of(pid) - before_threads} |", flush=True)
        streams.close()


def wait_until_it_answers(client: Pretrain) -> None:
    from client.errors import Unreachable

    while True:
        try:
            next(client.jobs.list(limit=1), None)
        except Unreachable:
            time.sleep(0.05)
        else:
            return


def writes_per_s(database: Database, job_id: str, write: Any) -> float:
    def work() -> None:
        for _ in range(WRITES):
            with database.write() as session:
                write(session, job_id)

    threads = [threading.Thread(target=work) for _ in range(WRITERS)]
    since_s = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return WRITERS * WRITES / (time.monotonic() - since_s)


def as_the_service(session: Session, job_id: str) -> None:
    record_event(session, job_id, 1, "log", {"lines": []})


def in_any_order(session: Session, job_id: str) -> None:
    values = {"job_id": job_id, "attempt": 1, "type": "log", "data": {"lines": []}}
    session.execute(insert(Event).values(**values, created_at=now_s()))


def measure(settings: Settings, streams: int) -> None:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database = Database(settings.database)
    upgrade(database)
    job, _ = submit(database, settings, parse_spec(SPEC))
    print("| streams | first (ms: median, p99, max) | last | idle | 10 events/s | each | threads |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |", flush=True)
    for count in (1, streams):
        measure_streams(settings, database, job.id, count)
    rates: dict[str, list[float]] = {"as the service writes them": [], "in any order": []}
    for _ in range(ROUNDS):
        rates["as the service writes them"].append(writes_per_s(database, job.id, as_the_service))
        rates["in any order"].append(writes_per_s(database, job.id, in_any_order))
    medians = [f"{name} {statistics.median(each):,.0f}/s" for name, each in rates.items()]
    print(f"\nEvents from {WRITERS} writers: {', '.join(medians)}", flush=True)
    database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--streams", type=int, default=300)
    parser.add_argument("--database-url", help="of an empty PostgreSQL database; none: SQLite")
    parser.add_argument("--port", type=int, default=8765)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = arguments.database_url
        if url is not None and urlsplit(url).scheme.startswith("sqlite"):
            parser.error("--database-url: SQLite is what is measured without it")
        settings = Settings(data_dir=Path(folder) / "data", database_url=url, port=arguments.port)
        measure(settings, arguments.streams)


if __name__ == "__main__":
    main()
