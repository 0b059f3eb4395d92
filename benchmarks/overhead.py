"""What the service costs around the loop, and what checkpoints cost.

    python -m benchmarks.overhead [--epochs 3] [--rounds 3] [--text FILE]

Trains the lecture's model for some epochs, in turns: bare (`model.training.train` in a process of its own)
without checkpoints, bare with one each epoch that replaces the one before, and posted to a whole `pretrain
up` (leases, reports, recording, SQL, Redis), which does the same with them. All are timed from their first
evaluation on, so that neither start-up and imports nor the first touch of memory count, which in a virtual
machine takes as long as the host likes.

On a shared machine whole runs differ by more than the service takes, so that is counted too, as an upper
bound: what the training thread waits for the recorder (`benchmarks.recording`), and the processor time of
all processes but the trainer, as if each second of it held up the whole training. Prints markdown for
`benchmarks/LOG.md`; the exit status is 1 if a goal is missed.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from benchmarks import recording
from benchmarks.lecture import lecture_run
from benchmarks.measuring import run_in_process
from benchmarks.service import CpuTime, running_service, timestamp, wait_for_success, wait_until_warm
from benchmarks.verdict import find_verdict
from model.config import CheckpointConfig, TrainingConfig
from model.data import Data
from model.events import CheckpointWritten, Evaluation, Event, Phase
from model.numerics import pick_device, resolve_numerics
from model.tokenizers import load_tokenizer
from model.training import train

SERVICE_GOAL = 0.03
CHECKPOINTS_GOAL = 0.10
POLL_S = 5
LECTURE_EPOCHS = 10


def time_bare(epochs: int, text: str, *, checkpoints: bool) -> float:
    """Seconds of training after the first step; without checkpoints up to where the last would be written."""
    training = TrainingConfig(num_epochs=epochs)
    checkpointing = CheckpointConfig(every_epochs=1 if checkpoints else None)
    run = lecture_run().model_copy(update={"training": training, "checkpoints": checkpointing})
    device = pick_device()
    moments: dict[str, float] = {}
    written: list[Path] = []

    def record(event: Event) -> None:
        match event:
            case Evaluation(step=0):
                moments["start"] = time.perf_counter()
            case Phase("writing"):
                moments["writing"] = time.perf_counter()
            case CheckpointWritten():
                moments["written"] = time.perf_counter()
                for superseded in written:
                    deleter.submit(shutil.rmtree, superseded)
                written[:] = [event.directory]

    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as deleter:
        train(
            run,
            Data.from_text(text, load_tokenizer(run.tokenizer), run),
            on_event=record,
            should_stop=lambda: False,
            checkpoint_root=Path(folder),
            numerics=resolve_numerics("auto", device),
            device=device,
        )
    return moments["written" if checkpoints else "writing"] - moments["start"]


def time_bare_alone(epochs: int, text: Path, *, checkpoints: bool) -> float:
    options = ["--bare", "with" if checkpoints else "without", "--epochs", str(epochs), "--text", str(text)]
    return float(run_in_process("benchmarks.overhead", *options))


def time_service(epochs: int, text: Path) -> tuple[float, float]:
    """Seconds from a job's first evaluation to its last `checkpoint` event, by the database's clock; and
    those of a processor that all but the trainer use meanwhile."""
    with running_service() as (stack, client):
        wait_until_warm(stack)
        dataset = client.datasets.send("the lecture's", [text.read_bytes()], "text/plain")
        others = CpuTime()
        job = client.jobs.submit({"dataset": dataset["id"], "training": {"num_epochs": epochs}})
        wait_for_success(stack, client, job, POLL_S)
        others_cpu_s = others.used_s()
        ended = [event for event in client.jobs.past_events(job["id"]) if event["type"] == "checkpoint"][-1]
        first = client.jobs.losses(job["id"])[0]
    return timestamp(ended["created_at"]) - timestamp(first["recorded_at"]), others_cpu_s


@dataclass(frozen=True)
class Costs:
    """Shares of the time without them; medians over rounds."""

    checkpoints: float
    service: float
    counted: float
    """Of the service, as an upper bound."""


def measure(epochs: int, rounds: int, text: Path | None = None, say: Callable[[str], object] = str) -> Costs:
    """In turns; `say` gets a line of markdown for each round."""
    text = text or find_verdict()
    if text is None:
        raise SystemExit("The Verdict is not at hand; say where it is with PRETRAIN_DATASET_MIRROR")
    checkpoints, services, counted = [], [], []
    recording_s = recording.seconds_of_job(recording.seconds_by_event()) * epochs / LECTURE_EPOCHS
    say(f"recording: {recording_s:.2f} s of the training thread\n")
    say(
        "| round | bare, without checkpoints | bare | in the service | checkpoints | service "
        "| other processes | service, counted |"
    )
    say("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for number in range(1, rounds + 1):
        without = time_bare_alone(epochs, text, checkpoints=False)
        bare = time_bare_alone(epochs, text, checkpoints=True)
        service, others_s = time_service(epochs, text)
        checkpoints.append(bare / without - 1)
        services.append(service / bare - 1)
        counted.append((recording_s + others_s) / bare)
        times = [f"{seconds:.1f} s" for seconds in (without, bare, service)]
        shares = [f"{cost[-1]:+.1%}" for cost in (checkpoints, services)]
        say(f"| {number} | {' | '.join(times + shares)} | {others_s:.2f} s | {counted[-1]:.1%} |")
    return Costs(*(statistics.median(shares) for shares in (checkpoints, services, counted)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--text", type=Path, default=find_verdict())
    parser.add_argument("--bare", choices=["with", "without"], help="print the seconds of a bare run")
    arguments = parser.parse_args()
    epochs, text = arguments.epochs, arguments.text
    if text is None:
        parser.error("The Verdict is not at hand; say where it is with --text or PRETRAIN_DATASET_MIRROR")
    if arguments.bare:
        print(time_bare(epochs, text.read_text(), checkpoints=arguments.bare == "with"))
        return
    print(f"{epochs} epochs of the lecture's job, a checkpoint each, {torch.get_num_threads()} threads\n")
    costs = measure(epochs, arguments.rounds, text, say=partial(print, flush=True))
    print()
    missed = 0
    for name, cost, goal in (
        ("checkpoints", costs.checkpoints, CHECKPOINTS_GOAL),
        ("service", costs.service, SERVICE_GOAL),
        ("service, counted", costs.counted, SERVICE_GOAL),
    ):
        missed += cost >= goal
        print(f"{name}: {cost:+.1%}, goal: under {goal:.0%}: {'yes' if cost < goal else 'NO'}")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
