"""Seconds of each part of the lecture's job, from which the whole is computed.

    python -m benchmarks.job_parts {baseline,float32,bfloat16} [--steps 6] [--evaluations 2] [--samples 1]

`baseline` is `benchmarks.lecture_loop`, the others are `model.training`'s. Prints JSON.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from benchmarks.lecture import lecture_run
from benchmarks.lecture_loop import Loop
from benchmarks.measuring import TRAINER_ENVIRONMENT, peak_memory_bytes, run_in_process, seconds_of
from benchmarks.verdict import find_verdict
from model.data import Data
from model.numerics import ResolvedNumerics
from model.tokenizers import load_tokenizer
from model.training import Training

STEPS, EVALUATIONS, SAMPLES, CHECKPOINTS = 90, 18, 10, 10
WARM_UP = 2


@dataclass(frozen=True)
class Parts:
    """Medians, in seconds."""

    start: float
    """Until model and data are ready, without importing PyTorch."""
    step: float
    evaluation: float
    sample: float
    checkpoint: float
    """What one adds to the steps during which it is written."""
    last_checkpoint: float
    peak_bytes: int

    @property
    def job_s(self) -> float:
        """Of the whole job."""
        return (
            self.start
            + STEPS * self.step
            + EVALUATIONS * self.evaluation
            + SAMPLES * self.sample
            + (CHECKPOINTS - 1) * self.checkpoint
            + self.last_checkpoint
        )


def measure(implementation: str, steps: int, evaluations: int, samples: int) -> Parts:
    """In a process of its own, with `steps` steps after the first ones."""
    counts = ["--steps", str(steps), "--evaluations", str(evaluations), "--samples", str(samples)]
    environment = {} if implementation == "baseline" else TRAINER_ENVIRONMENT
    return Parts(**run_in_process("benchmarks.job_parts", implementation, *counts, environment=environment))


def median_of(parts: Sequence[Parts]) -> Parts:
    """Field by field; of the peak memory too."""
    fields = {name: statistics.median(getattr(part, name) for part in parts) for name in asdict(parts[0])}
    return Parts(**fields)


def baseline_parts(text: str, steps: int, evaluations: int, samples: int) -> Parts:
    loops: list[Loop] = []
    start = seconds_of(lambda: loops.append(Loop(text)))
    (loop,) = loops
    batches = list(loop.train_loader)
    for number in range(steps + 1):
        loop.step(*batches[number % len(batches)])
    for _ in range(evaluations):
        loop.evaluate()
    for _ in range(samples):
        loop.sample()
    median = {name: statistics.median(seconds) for name, seconds in loop.seconds.items()}
    median["step"] = statistics.median(loop.seconds["step"][1:])
    return Parts(**median, start=start, checkpoint=0.0, last_checkpoint=0.0, peak_bytes=peak_memory_bytes())


def our_parts(numerics: ResolvedNumerics, text: str, steps: int, evaluations: int, samples: int) -> Parts:
    trainings: list[Training] = []

    def make() -> None:
        run = lecture_run()
        data = Data.from_text(text, load_tokenizer(run.tokenizer), run)
        device = torch.device("cpu")
        trainings.append(
            Training(run, data, lambda event: None, Path(folder), numerics, device, None, None, None)
        )

    with tempfile.TemporaryDirectory() as folder:
        start = seconds_of(make)
        (training,) = trainings

        def timed_step() -> float:
            micro_batches = next(training.steps_of_epoch())
            return seconds_of(lambda: training.train_step(micro_batches))

        def timed_steps(n: int) -> list[float]:
            return [timed_step() for _ in range(n)]

        timed_steps(WARM_UP)
        step = statistics.median(timed_steps(steps))
        evaluation = statistics.median(
            seconds_of(lambda: training.evaluate(0, 0.0)) for _ in range(evaluations)
        )
        sample = statistics.median(seconds_of(lambda: training.sample(0)) for _ in range(samples))
        during_s = 0.0
        begin_s = seconds_of(lambda: training.begin_checkpoint(1.0))
        n = 0
        while training.checkpoint is not None:
            during_s += timed_step()
            n += 1
        timed_step()
        begin_last_s = seconds_of(lambda: training.begin_checkpoint(1.0))
        finish_last_s = seconds_of(training.finish_checkpoint)
        return Parts(
            start,
            step,
            evaluation,
            sample,
            begin_s + during_s - n * step,
            begin_last_s + finish_last_s,
            peak_bytes=peak_memory_bytes(),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("implementation", choices=["baseline", "float32", "bfloat16"])
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--evaluations", type=int, default=2)
    parser.add_argument("--samples", type=int, default=1)
    arguments = parser.parse_args()
    path = find_verdict()
    if path is None:
        parser.error("The Verdict is not at hand; set PRETRAIN_DATASET_MIRROR to the folder it lies in")
    counts = (arguments.steps, arguments.evaluations, arguments.samples)
    text = path.read_text()
    parts = (
        baseline_parts(text, *counts)
        if arguments.implementation == "baseline"
        else our_parts(arguments.implementation, text, *counts)
    )
    print(json.dumps(asdict(parts)))


if __name__ == "__main__":
    main()
