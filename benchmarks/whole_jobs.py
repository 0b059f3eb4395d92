"""Whole lecture jobs: the plain loop from start to end, and ours from POST to `succeeded`."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from benchmarks.measuring import seconds_of
from benchmarks.verdict import find_verdict
from client.address import Address
from client.http import Client
from client.stack import local_stack
from jobs.settings import Settings

LOOK_EVERY_S = 1


def seconds(who: str) -> float:
    """`plain`, or the numerics of a job that is posted to a service of its own."""
    return plain_seconds() if who == "plain" else posted_seconds(who)


def plain_seconds() -> float:
    command = [sys.executable, "-m", "benchmarks.lecture_loop"]
    return seconds_of(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))


def posted_seconds(numerics: str) -> float:
    path = find_verdict()
    if path is None:
        raise SystemExit("The Verdict is not at hand; set PRETRAIN_DATASET_MIRROR to the folder it lies in")
    say = Console(stderr=True).print
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), port=0)
        with (
            local_stack(settings, port_asked_for=True, say=say) as stack,
            Client(Address(stack.url, "the benchmark")) as client,
        ):
            dataset = client.add_dataset("the lecture's", path.read_text())
            started = time.perf_counter()
            job = client.submit({"dataset": dataset["id"], "training": {"numerics": numerics}})
            while job["status"] in ("queued", "running"):
                stack.tend(LOOK_EVERY_S)
                job = client.job(job["id"])
            if job["status"] != "succeeded":
                raise SystemExit(f"the job {job['status']}: {job['error']}")
            return time.perf_counter() - started
