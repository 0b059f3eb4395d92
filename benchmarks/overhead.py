"""What the service costs around the loop, and what checkpoints cost.

    python -m benchmarks.overhead [--epochs 3] [--rounds 3] [--text FILE]

Trains the lecture's model for some epochs, in turns: bare (`model.training.train` in a process of its own,
writing the same checkpoints) and posted to a whole `pretrain up` (leases, reports, recording, SQL, Redis).
Both are timed from the moment that model and data stand ready to the last checkpoint, so that neither
start-up nor imports count. Prints a markdown table for `benchmarks/LOG.md`; the exit status is 1 if a goal is
missed.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from benchmarks.lecture import lecture_run
from benchmarks.verdict import find_verdict
from client.address import Address
from client.http import Client
from client.stack import local_stack
from jobs.settings import Settings
from model.config import CheckpointConfig, TrainingConfig
from model.data import Data
from model.events import CheckpointWritten, Event, Phase, Started
from model.numerics import pick_device, resolve_numerics
from model.tokens import load_tokenizer
from model.training import train

SERVICE_GOAL = 0.03
CHECKPOINTS_GOAL = 0.10
LOOK_EVERY_S = 5


def time_bare(epochs: int, text: str) -> dict[str, float]:
    """Seconds of training with checkpoints, and how many of them went into checkpoints."""
    run = replace(
        lecture_run(),
        training=TrainingConfig(num_epochs=epochs),
        checkpoints=CheckpointConfig(every_epochs=1),
    )
    device = pick_device()
    moments: dict[str, float] = {"writing": 0.0}

    def keep(event: Event) -> None:
        now = time.perf_counter()
        match event:
            case Started():
                moments["start"] = now
            case Phase("writing"):
                moments["writing since"] = now
            case CheckpointWritten():
                moments["writing"] += now - moments["writing since"]
                moments["end"] = now

    with tempfile.TemporaryDirectory() as folder:
        train(
            run,
            Data.from_text(text, load_tokenizer(run.tokenizer), run),
            on_event=keep,
            should_stop=lambda: False,
            checkpoint_root=Path(folder),
            numerics=resolve_numerics("auto", device),
            device=device,
        )
    return {"seconds": moments["end"] - moments["start"], "writing": moments["writing"]}


def time_bare_alone(epochs: int, text: Path) -> dict[str, float]:
    command = [
        sys.executable,
        "-m",
        "benchmarks.overhead",
        "--bare",
        "--epochs",
        str(epochs),
        "--text",
        str(text),
    ]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(ran.stdout)
    return found


def time_service(epochs: int, text: Path) -> float:
    """Seconds between a job's `started` and its last `checkpoint` event, by the database's clock."""
    say = Console(stderr=True).print
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), port=0)
        with local_stack(settings, port_asked_for=True, say=say) as stack, Client(here(stack.url)) as client:
            dataset = client.add_dataset("the lecture's", text.read_text())
            job = client.submit({"dataset": dataset["id"], "training": {"num_epochs": epochs}})
            while job["status"] in ("queued", "running"):
                stack.tend(LOOK_EVERY_S)
                job = client.job(job["id"])
            if job["status"] != "succeeded":
                raise SystemExit(f"the job {job['status']}: {job['error']}")
            events = client.events(job["id"])
    started = next(event for event in events if event["type"] == "started")
    ended = [event for event in events if event["type"] == "checkpoint"][-1]
    return moment(ended) - moment(started)


def here(url: str) -> Address:
    return Address(url, "the benchmark")


def moment(event: dict[str, Any]) -> float:
    return datetime.fromisoformat(event["created_at"]).timestamp()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--text", type=Path, default=find_verdict())
    parser.add_argument("--bare", action="store_true", help="print one bare run's seconds as JSON")
    arguments = parser.parse_args()
    if arguments.text is None:
        parser.error("The Verdict is not at hand; say where it is with --text or PRETRAIN_DATASET_MIRROR")
    if arguments.bare:
        print(json.dumps(time_bare(arguments.epochs, arguments.text.read_text())))
        return
    print(f"{arguments.epochs} epochs of the lecture's job, {torch.get_num_threads()} threads\n")
    print("| round | bare | in the service | ratio | checkpoints, of the rest of the bare run |")
    print("| ---: | ---: | ---: | ---: | ---: |")
    ratios, shares = [], []
    for number in range(1, arguments.rounds + 1):
        bare = time_bare_alone(arguments.epochs, arguments.text)
        service = time_service(arguments.epochs, arguments.text)
        ratios.append(service / bare["seconds"])
        shares.append(bare["writing"] / (bare["seconds"] - bare["writing"]))
        row = (
            f"| {number} | {bare['seconds']:.1f} s | {service:.1f} s | {ratios[-1]:.3f} | +{shares[-1]:.1%} |"
        )
        print(row, flush=True)
    cost, checkpoints = statistics.median(ratios) - 1, statistics.median(shares)
    print(f"\nservice: {cost:+.1%} (goal: under {SERVICE_GOAL:.0%})")
    print(f"checkpoints: {checkpoints:+.1%} (goal: under {CHECKPOINTS_GOAL:.0%})")
    sys.exit(1 if cost >= SERVICE_GOAL or checkpoints >= CHECKPOINTS_GOAL else 0)


if __name__ == "__main__":
    main()
