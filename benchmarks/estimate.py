"""What `POST /jobs/estimate` says of a job, against what its trainer then takes.

    python -m benchmarks.estimate [--only NAME...] [--time]

Each job of a grid is submitted to a service's database and trained for a few steps by `worker.trainer`, with
its allocator's settings and under a real supervisor, one after the other. Prints markdown tables for
`benchmarks/LOG.md`: the peak memory, that is the most of the trainer's that was resident, PyTorch included,
and the size of the checkpoint; with `--time` the seconds of some jobs too. The exit status is 1 if an
estimate of memory is less than what a job takes, or more by over 15 %.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import func, select

from jobs.broker.queue import TRAIN_QUEUE
from jobs.files.builtin_datasets import BUILTINS, builtin_content
from jobs.files.datasets import store_dataset
from jobs.lifecycle.attempts import claim
from jobs.lifecycle.checkpoints import checkpoints_bytes
from jobs.lifecycle.submission import submit
from jobs.lifecycle.workers import record_heartbeat
from jobs.settings import Settings
from jobs.spec.parsing import overlay, parse_spec
from jobs.store.database import Database
from jobs.store.lookup import get_job
from jobs.store.tables import Evaluation
from migrations.upgrade import upgrade
from model.estimate.disk import checkpoints_bytes as estimate_checkpoints_bytes
from model.estimate.machine import Calibration, Machine
from model.estimate.work import seconds_of, work_of
from worker.training.launch import trainer_environment
from worker.training.supervisor import Supervisor

MOST_OFF = 0.15
Spec = dict[str, Any]


def shape(context: int, width: int, layers: int, heads: int = 4, **model: Any) -> Spec:
    return {
        "model": {
            "context_length": context,
            "emb_dim": width,
            "n_layers": layers,
            "n_heads": heads,
            **model,
        }
    }


def job(*specs: Spec, tokenizer: str = "gpt2", numerics: str = "float32", **training: Any) -> Spec:
    spec: Spec = {
        "model": {},
        "tokenizer": tokenizer,
        "training": {"num_epochs": 1_000, "max_steps": 3, "numerics": numerics, **training},
        "evaluation": {"eval_iter": 1},
        "sampling": {"max_new_tokens": 3},
        "checkpoints": {"every_epochs": None},
    }
    for other in specs:
        spec = overlay(spec, other)
    return spec


SMALL = shape(256, 256, 4)
GRID: dict[str, Spec] = {
    "tiny": job({"preset": "tiny"}),
    "tiny, bytes": job({"preset": "tiny"}, tokenizer="bytes"),
    "small": job(SMALL, batch_size=4),
    "small, bfloat16": job(SMALL, batch_size=4, numerics="bfloat16"),
    "small, reference": job(SMALL, batch_size=4, numerics="reference"),
    "small, tied": job(shape(256, 256, 4, tie_weights=True), batch_size=4),
    "small, tied, bfloat16": job(shape(256, 256, 4, tie_weights=True), batch_size=4, numerics="bfloat16"),
    "small, bytes": job(SMALL, batch_size=4, tokenizer="bytes"),
    "small, bytes, 32 windows": job(SMALL, batch_size=32, tokenizer="bytes"),
    "small, bytes, 32 windows, no dropout": job(
        shape(256, 256, 4, drop_rate=0.0), batch_size=32, tokenizer="bytes"
    ),
    "small, bytes, 32 windows, no dropout, bfloat16": job(
        shape(256, 256, 4, drop_rate=0.0), batch_size=32, tokenizer="bytes", numerics="bfloat16"
    ),
    "small, bytes, 32 windows, no dropout, reference": job(
        shape(256, 256, 4, drop_rate=0.0), batch_size=32, tokenizer="bytes", numerics="reference"
    ),
    "small, bytes, 32 windows, bfloat16": job(SMALL, batch_size=32, tokenizer="bytes", numerics="bfloat16"),
    "small, bytes, 32 windows, reference": job(SMALL, batch_size=32, tokenizer="bytes", numerics="reference"),
    "small, bytes, 8 windows of 1,024": job(shape(1024, 256, 4), batch_size=8, tokenizer="bytes"),
    "small, bytes, 8 windows of 1,024, bfloat16": job(
        shape(1024, 256, 4), batch_size=8, tokenizer="bytes", numerics="bfloat16"
    ),
    "narrow heads, 24 windows of 512, bytes": job(shape(512, 128, 2, 8), batch_size=24, tokenizer="bytes"),
    "narrow heads, 24 windows of 512, bytes, bfloat16": job(
        shape(512, 128, 2, 8), batch_size=24, tokenizer="bytes", numerics="bfloat16"
    ),
    "narrow, 16 windows": job(shape(256, 128, 2), batch_size=16),
    "narrow, 16 windows, bfloat16": job(shape(256, 128, 2), batch_size=16, numerics="bfloat16"),
    "narrow, 16 windows, reference": job(shape(256, 128, 2), batch_size=16, numerics="reference"),
    "narrow, 16 windows, tied": job(shape(256, 128, 2, tie_weights=True), batch_size=16),
    "wide": job(shape(256, 768, 4, 12), batch_size=2),
    "wide, bfloat16": job(shape(256, 768, 4, 12), batch_size=2, numerics="bfloat16"),
    "wide, reference": job(shape(256, 768, 4, 12), batch_size=2, numerics="reference"),
    "wide, tied": job(shape(256, 768, 4, 12, tie_weights=True), batch_size=2),
    "wide, clipped": job(shape(256, 768, 4, 12), batch_size=2, grad_clip=1.0),
    "wide, 4 micro-batches": job(shape(256, 768, 4, 12), batch_size=2, grad_accumulation=4),
    "wide, Muon": job(shape(256, 768, 4, 12), batch_size=2, optimizer="muon"),
    "wide, Muon, bytes": job(shape(256, 768, 6, 12), batch_size=2, optimizer="muon", tokenizer="bytes"),
    "wide, bytes": job(shape(256, 1024, 6, 16), batch_size=1, tokenizer="bytes"),
    "wide, bytes, bfloat16": job(
        shape(256, 1024, 6, 16), batch_size=1, tokenizer="bytes", numerics="bfloat16"
    ),
    "deep, bytes": job(shape(128, 256, 32), batch_size=8, tokenizer="bytes"),
    "wide, tied, bfloat16": job(shape(256, 768, 4, 12, tie_weights=True), batch_size=2, numerics="bfloat16"),
    "wide, tied, reference": job(
        shape(256, 768, 4, 12, tie_weights=True), batch_size=2, numerics="reference"
    ),
    "wide, 4 micro-batches, bfloat16": job(
        shape(256, 768, 4, 12), batch_size=2, grad_accumulation=4, numerics="bfloat16"
    ),
    "wide, 4 micro-batches, reference": job(
        shape(256, 768, 4, 12), batch_size=2, grad_accumulation=4, numerics="reference"
    ),
    "gpt2-small, 1 window": job({"preset": "gpt2-small"}, batch_size=1),
    "the lecture's": job({"preset": "lecture"}),
    "the lecture's, bfloat16": job({"preset": "lecture"}, numerics="bfloat16"),
    "the lecture's, reference": job({"preset": "lecture"}, numerics="reference"),
}


TIMED: dict[str, Spec] = {
    "tiny": job({"preset": "tiny"}, max_steps=300),
    "small, bytes": job(SMALL, batch_size=4, tokenizer="bytes", max_steps=30),
    "small": job(SMALL, batch_size=4, max_steps=20),
    "wide, bytes": job(shape(256, 1024, 6, 16), batch_size=1, tokenizer="bytes", max_steps=15),
    "long, bytes": job(shape(1024, 256, 4), batch_size=2, tokenizer="bytes", max_steps=15),
    "deep, bytes": job(shape(128, 256, 32), batch_size=2, tokenizer="bytes", max_steps=15),
    "small, bytes, micro-batches, Muon": job(
        SMALL, batch_size=2, grad_accumulation=4, optimizer="muon", tokenizer="bytes", max_steps=10
    ),
    "small, whole evaluations": job(
        SMALL, {"evaluation": {"eval_freq": 5, "eval_iter": 5}}, batch_size=2, max_steps=20
    ),
    "small, bytes, samples": job(
        SMALL,
        {"sampling": {"max_new_tokens": 100, "every_steps": 5}},
        batch_size=2,
        tokenizer="bytes",
        max_steps=20,
    ),
    "the lecture's": job({"preset": "lecture"}, max_steps=6),
}
"""For which the time is compared too."""


@dataclass(frozen=True)
class Outcome:
    status: str
    estimated_bytes: int
    peak_bytes: int
    """Of the trainer."""
    estimated_disk_bytes: int
    disk_bytes: int
    """Of the checkpoint at the end."""
    seconds: float
    """From the first evaluation to the end."""


def run_job(spec: Spec, machine: Machine) -> Outcome:
    """Submit the job and train it, in a service's folder of its own. This process has no other children."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PRETRAIN_DATA_DIR"] = folder  # where the trainer finds its job
        settings = Settings(lease_s=3600)
        database = Database(settings.database)
        upgrade(database)
        with database.write() as session:
            record_heartbeat(session, worker_row(machine), age_s=0, state_age_s=0)
        dataset, _ = store_dataset(database, settings, "the benchmark's", long_enough_text())
        submitted, _ = submit(database, settings, parse_spec({**spec, "dataset": dataset.id}))
        with database.write() as session:
            claimed = claim(session, submitted.id, "the benchmark", settings.lease_s)
        assert claimed is not None
        Supervisor(database, settings, claimed, threading.Event()).run()
        with database.read() as session:
            ended = get_job(session, submitted.id)
            disk_bytes = checkpoints_bytes(session, [ended.id]).get(ended.id, 0)
            first = select(func.min(Evaluation.recorded_at)).where(Evaluation.job_id == ended.id)
            seconds = (ended.finished_at or 0) - (session.scalar(first) or 0)
        database.close()
    assert submitted.memory_bytes is not None
    return Outcome(
        ended.status,
        submitted.memory_bytes,
        resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024,
        # A job of these has one checkpoint, at its end.
        estimate_checkpoints_bytes(parse_spec(spec), total_steps=1),
        disk_bytes,
        seconds,
    )


def long_enough_text() -> bytes:
    """For the largest batches here; short enough for a request to count its tokens."""
    return 3 * builtin_content("sample", BUILTINS["sample"], None)


def worker_row(machine: Machine) -> dict[str, Any]:
    """Of a worker with all the memory that there could be, which has said of its machine what is known."""
    assert machine.calibration is not None
    return {
        "id": "the benchmark",
        "queue": TRAIN_QUEUE,
        "host": "here",
        "pid": 1,
        "listening": True,
        "job_id": None,
        "memory_bytes": None,
        "trouble": None,
        "device": machine.device,
        "calibration": machine.calibration.to_json(),
    }


def run_alone(spec: Spec, machine: Machine) -> Outcome:
    """In a process of its own that has not imported PyTorch: what it holds itself counts as its child's too,
    from before the child's program starts."""
    assert machine.calibration is not None
    options = ["--alone", json.dumps(spec), json.dumps(machine.calibration.to_json())]
    return Outcome(**printed_json("benchmarks.estimate", *options))


def calibrate() -> Machine:
    """This machine, as a worker measures it: without rates where other programs keep it busy."""
    calibration = Calibration.from_json(printed_json("worker.training.calibration", str(os.getpid())))
    return Machine(calibration.device, calibration)


def printed_json(module: str, *arguments: str) -> Any:
    command = [sys.executable, "-m", module, *arguments]
    result = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=trainer_environment())
    return json.loads(result.stdout)


def compare_memory(names: list[str], machine: Machine) -> bool:
    """Whether each estimate is what was measured, or up to 15 % more."""
    print(
        "| job | memory estimated, MB | measured, MB | off by | disk estimated, MB | measured, MB |\n"
        "| --- | ---: | ---: | ---: | ---: | ---: |"
    )
    is_good = True
    for name in names:
        outcome = run_alone(GRID[name], machine)
        off = outcome.estimated_bytes / outcome.peak_bytes - 1
        is_good &= outcome.status == "succeeded" and 0 <= off <= MOST_OFF
        figures = (outcome.estimated_bytes, outcome.peak_bytes)
        disk = (outcome.estimated_disk_bytes, outcome.disk_bytes)
        memory_mb, disk_mb = (" | ".join(f"{size / 1e6:,.0f}" for size in sizes) for sizes in (figures, disk))
        ending = "" if outcome.status == "succeeded" else f" ({outcome.status})"
        print(f"| {name}{ending} | {memory_mb} | {off:+.1%} | {disk_mb} |", flush=True)
    return is_good


def compare_time(machine: Machine) -> None:
    """Of the steps after the first one, which is where the service begins to measure."""
    assert machine.calibration is not None
    if not machine.calibration.rates:
        print("\nOther programs keep this machine busy: how fast it is can't be measured.")
        return
    print("\n| job | steps | estimated, s | measured, s | off by |\n| --- | ---: | ---: | ---: | ---: |")
    timed = {
        f"{name}, {numerics}": overlay(posted, {"training": {"numerics": numerics}})
        for numerics in ("float32", "bfloat16", "reference")
        for name, posted in TIMED.items()
    }
    for name, posted in timed.items():
        spec = parse_spec(posted)
        work = work_of(spec, train_tokens=1_000_000, val_tokens=1_000_000)
        rates = machine.calibration.rates[spec.training.numerics]
        estimated_s = seconds_of(spec, work, rates) * (1 - 1 / work.steps)
        measured_s = run_alone(posted, machine).seconds
        off = estimated_s / measured_s - 1
        print(f"| {name} | {work.steps} | {estimated_s:.1f} | {measured_s:.1f} | {off:+.0%} |", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="What a job is estimated to take, and what it takes.")
    parser.add_argument("--only", nargs="*", choices=list(GRID), default=list(GRID), metavar="NAME")
    parser.add_argument("--time", action="store_true", help="compare the time of some jobs too")
    parser.add_argument("--alone", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.alone is not None:
        spec, calibration = map(json.loads, arguments.alone)
        print(json.dumps(asdict(run_job(spec, Machine("cpu", Calibration.from_json(calibration))))))
        return 0
    machine = calibrate()
    is_good = compare_memory(arguments.only, machine)
    if arguments.time:
        compare_time(machine)
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
