"""Whether a job that fits a limit of memory trains within it, and whether one that does not needs it.

    python -m benchmarks.memory_limits [--only NAME...]

For each kind of model a whole `pretrain up` is started in a control group with a limit of memory. A job is
made as large as the service says that it fits, and posted there; the next larger one, which is refused, is
trained without a limit. Prints a markdown table for `benchmarks/LOG.md`. The exit status is 1 if the first
runs out of memory, or the second takes less than 85 % of what jobs were left. Needs root.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from benchmarks.estimate import Spec, job, long_enough_text, run_alone, shape
from benchmarks.service import running_service
from client.api.pretrain import Pretrain
from client.local.stack import Stack
from model.estimate.machine import Calibration, Machine

LEAST_TAKEN = 0.85
POLL_S = 0.3
GIB = 2**30


@dataclass(frozen=True)
class Case:
    """A kind of model, and how large a job of it is."""

    name: str
    limit_bytes: int
    make: Callable[[int, str], Spec]
    """Of a size, 1 or more, and numerics: the larger the size, the more memory it takes."""

    def spec(self, dataset: str, numerics: str, size: int) -> Spec:
        return {**self.make(size, numerics), "dataset": dataset}


CASES = {
    "layers": Case(
        "many windows, bytes",
        2 * GIB,
        lambda n, numerics: job(shape(256, 256, 4), tokenizer="bytes", numerics=numerics, batch_size=n),
    ),
    "logits": Case(
        "many windows, GPT-2's tokens",
        2 * GIB,
        lambda n, numerics: job(shape(64, 128, 2), numerics=numerics, batch_size=n),
    ),
    "attention": Case(
        "long windows, bytes",
        3 * GIB,
        lambda n, numerics: job(shape(512, 128, 2, 8), tokenizer="bytes", numerics=numerics, batch_size=n),
    ),
    "weights": Case(
        "wide",
        4 * GIB,
        lambda n, numerics: job(shape(128, 8 * n, 6, 8), tokenizer="bytes", numerics=numerics, batch_size=2),
    ),
}
NUMERICS = ("float32", "bfloat16", "reference")


@dataclass(frozen=True)
class Fitting:
    """The largest job that a service in a control group takes, and how it ended."""

    numerics: str
    size: int
    estimated_bytes: int
    refused_bytes: int
    """Estimated of the next larger job."""
    ended: str
    """Its status, or the type of its error."""


@dataclass(frozen=True)
class Served:
    jobs_bytes: int
    """Of memory that the service leaves to a job."""
    calibration: dict[str, Any]
    fitting: list[Fitting]


def largest_that_fits(fits: Callable[[int], bool]) -> int:
    """The largest size that does, of which all smaller ones do."""
    high = 1
    while fits(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def serve_inside(group: Path, case: Case, numerics: list[str]) -> Served:
    """Start a service in the control group, and train the largest jobs there that fit."""
    (group / "cgroup.procs").write_text(str(os.getpid()))
    with running_service() as (stack, client):
        dataset = client.datasets.send("the benchmark's", [long_enough_text()], "text/plain")["id"]
        worker = training_worker(stack)
        fitting = [train_largest(stack, client, partial(case.spec, dataset, each)) for each in numerics]
        return Served(worker["memory_bytes"], worker["calibration"], fitting)


def training_worker(stack: Stack) -> Any:
    """Once it knows its machine."""
    while True:
        with urlopen(f"{stack.url}/workers") as answer:
            workers = json.load(answer)["data"]
        for worker in workers:
            if worker["queue"] == "train" and worker["calibration"] is not None:
                return worker
        stack.supervise(POLL_S)


def train_largest(stack: Stack, client: Pretrain, spec: Callable[[int], Spec]) -> Fitting:
    size = largest_that_fits(lambda size: bool(client.jobs.estimate(spec(size))["fits"]))
    fitting, refused = (client.jobs.estimate(spec(each))["memory"] for each in (size, size + 1))
    job_id = client.jobs.submit(spec(size))["id"]
    while (posted := client.jobs.get(job_id))["status"] not in ("succeeded", "failed", "paused"):
        stack.supervise(POLL_S)
    ended = posted["status"] if posted["error"] is None else posted["error"]["type"]
    return Fitting(fitting["numerics"], size, fitting["total_bytes"], refused["total_bytes"], ended)


@contextmanager
def memory_group(limit_bytes: int) -> Iterator[Path]:
    """A control group whose processes may have so much memory together; of either version.

    Source: the kernel's cgroup-v2 and cgroup-v1/memory
    """
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    paths = {controllers: path for _, controllers, path in (line.split(":", 2) for line in lines)}
    mounted, name = Path("/sys/fs/cgroup"), f"pretrain-benchmark-{os.getpid()}"
    if "memory" in paths:
        group, limit = mounted / "memory" / paths["memory"].lstrip("/") / name, "memory.limit_in_bytes"
    else:
        group, limit = mounted / paths[""].lstrip("/") / name, "memory.max"
    try:
        group.mkdir()
    except OSError as error:
        raise SystemExit(
            f"no control group can be made, which root may where there are some: {error}"
        ) from error
    try:
        (group / limit).write_text(str(limit_bytes))
        yield group
    finally:
        while (group / "cgroup.procs").read_text():  # the last ones are ending
            time.sleep(POLL_S)
        group.rmdir()


def serve(case_name: str, numerics: list[str]) -> Served:
    with memory_group(CASES[case_name].limit_bytes) as group:
        options = ["--inside", str(group), "--only", case_name, "--numerics", *numerics]
        command = [sys.executable, "-m", "benchmarks.memory_limits", *options]
        printed = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    fitting = [Fitting(**each) for each in printed["fitting"]]
    return Served(printed["jobs_bytes"], printed["calibration"], fitting)


def compare(case_name: str, numerics: list[str]) -> bool:
    """Whether the jobs that fit have trained, and those that do not take as much as they must."""
    case, served = CASES[case_name], serve(case_name, numerics)
    calibration = Calibration.from_json(served.calibration)
    is_good = True
    for largest in served.fitting:
        next_larger = case.make(largest.size + 1, largest.numerics)
        refused = run_alone(next_larger, Machine(calibration.device, calibration))
        taken = refused.peak_bytes / served.jobs_bytes
        is_good &= largest.ended == "succeeded" and taken >= LEAST_TAKEN
        sizes = (case.limit_bytes, served.jobs_bytes, largest.estimated_bytes)
        columns = [
            f"{case.name}, {largest.numerics}",
            *(f"{size / 1e6:,.0f}" for size in sizes),
            f"{largest.estimated_bytes / served.jobs_bytes:.1%}",
            largest.ended,
            f"{largest.refused_bytes / 1e6:,.0f}",
            f"{refused.peak_bytes / 1e6:,.0f}",
            f"{taken:.1%}",
        ]
        print(f"| {' | '.join(columns)} |", flush=True)
    return is_good


def main() -> int:
    parser = argparse.ArgumentParser(description="Whether jobs that fit a limit of memory train within it.")
    parser.add_argument("--only", nargs="*", choices=list(CASES), default=list(CASES), metavar="NAME")
    parser.add_argument("--numerics", nargs="*", choices=NUMERICS, default=list(NUMERICS))
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside is not None:
        served = serve_inside(Path(arguments.inside), CASES[arguments.only[0]], arguments.numerics)
        print(json.dumps(asdict(served)))
        return 0
    print(
        "| job | limit, MB | left to jobs, MB | largest that fits, MB | of these | ended | next larger, MB "
        "| took, MB | of what is left to jobs |\n"
        "| --- | ---: | ---: | ---: | ---: | --- | ---: | ---: | ---: |",
        flush=True,
    )
    results = [compare(name, arguments.numerics) for name in arguments.only]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
