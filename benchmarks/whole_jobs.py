"""Whole lecture jobs: the baseline from start to end, and ours from POST to `succeeded`."""

import subprocess
import sys
import time

from benchmarks.measuring import seconds_of
from benchmarks.service import running_service, wait_for_success
from benchmarks.verdict import find_verdict

POLL_S = 1


def seconds(implementation: str) -> float:
    """`baseline`, or the numerics of a job that is posted to a service of its own."""
    return baseline_seconds() if implementation == "baseline" else posted_seconds(implementation)


def baseline_seconds() -> float:
    command = [sys.executable, "-m", "benchmarks.lecture_loop"]
    return seconds_of(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))


def posted_seconds(numerics: str) -> float:
    path = find_verdict()
    if path is None:
        raise SystemExit("The Verdict is not at hand; set PRETRAIN_DATASET_MIRROR to the folder it lies in")
    with running_service() as (stack, client):
        dataset = client.datasets.send("the lecture's", [path.read_bytes()], "text/plain")
        started = time.perf_counter()
        job = client.jobs.submit({"dataset": dataset["id"], "training": {"numerics": numerics}})
        wait_for_success(stack, client, job, POLL_S)
        return time.perf_counter() - started
