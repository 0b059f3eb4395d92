"""The lecture's job in every numerical mode, against the figures that the lecture prints.

    python -m benchmarks.lecture [--numerics reference float32 bfloat16] [--text FILE]

Trains each mode in a process of its own, prints markdown tables for `benchmarks/LOG.md` and whether the goals
hold; the exit status is 1 if one does not. Times include evaluations, samples and one checkpoint at the end.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from benchmarks.measuring import peak_memory_bytes, run_in_process
from benchmarks.verdict import find_verdict
from model.config import CheckpointConfig, EvaluationConfig, Run, TrainingConfig
from model.data import Data
from model.events import Evaluation, Event, Sample
from model.numerics import ResolvedNumerics
from model.tokenizers import load_tokenizer
from model.training import train

MODES: tuple[ResolvedNumerics, ...] = ("reference", "float32", "bfloat16")
FIRST = (9.781, 9.933)
"""Train and validation loss at step 0, as the lecture prints them."""
LAST_TRAIN_LOSS = 0.391
LAST_SAMPLE = (
    'Every effort moves you know," was one of the axioms he laid down across the Sevres and silver of an '
    "exquisitely appointed luncheon-table, when, on a later day, I had again run over from Monte Carlo; and "
    "Mrs. Gis"
)


@dataclass(frozen=True)
class Outcome:
    numerics: ResolvedNumerics
    threads: int
    evaluations: list[Evaluation]
    samples: list[Sample]
    seconds: float
    peak_bytes: int


def lecture_run(seed: int = 123) -> Run:
    """The job that the empty spec `{}` means, but for its seed and for checkpoints before the end."""
    return Run(training=TrainingConfig(seed=seed), checkpoints=CheckpointConfig(every_epochs=None))


def train_once(numerics: ResolvedNumerics, text: str, seed: int = 123) -> Outcome:
    """Train the lecture's job on `text` from start to end in this process; a line for each evaluation."""
    run = lecture_run(seed)
    evaluations: list[Evaluation] = []
    samples: list[Sample] = []
    started = time.perf_counter()

    def record(event: Event) -> None:
        match event:
            case Evaluation():
                evaluations.append(event)
                elapsed_s = time.perf_counter() - started
                print(
                    f"{numerics}: step {event.step}, train {event.train_loss:.3f}, val {event.val_loss:.3f}, "
                    f"{event.tokens_per_s:.0f} tokens/s, {elapsed_s:.0f} s",
                    file=sys.stderr,
                    flush=True,
                )
            case Sample():
                samples.append(event)

    with tempfile.TemporaryDirectory() as folder:
        train(
            run,
            Data.from_text(text, load_tokenizer(run.tokenizer), run),
            on_event=record,
            should_stop=lambda: False,
            checkpoint_root=Path(folder),
            numerics=numerics,
            device=torch.device("cpu"),
        )
    return Outcome(
        numerics,
        torch.get_num_threads(),
        evaluations,
        samples,
        seconds=time.perf_counter() - started,
        peak_bytes=peak_memory_bytes(),
    )


def train_alone(numerics: ResolvedNumerics, text: Path, seed: int = 123) -> Outcome:
    """`train_once` in a process of its own: peak memory is a process's."""
    options = ["--alone", "--numerics", numerics, "--text", str(text), "--seed", str(seed)]
    outcome = run_in_process("benchmarks.lecture", *options)
    outcome["evaluations"] = [Evaluation(**evaluation) for evaluation in outcome["evaluations"]]
    outcome["samples"] = [Sample(**sample) for sample in outcome["samples"]]
    return Outcome(**outcome)


def goals(outcome: Outcome) -> Iterator[tuple[str, bool]]:
    """What the outcome must show, and whether it does."""
    # The service evaluates the last step too, which the lecture does not print.
    printed = [
        evaluation
        for evaluation in outcome.evaluations
        if evaluation.step % EvaluationConfig().eval_freq == 0
    ]
    first, last = printed[0], printed[-1]
    val_losses = [evaluation.val_loss for evaluation in printed]
    best = min(val_losses)
    rises = f"the validation loss rises again to the end: best {best:.3f}, last {last.val_loss:.3f}"
    if outcome.numerics == "reference":
        losses = (round(first.train_loss, 3), round(first.val_loss, 3))
        yield f"losses at step 0 are {FIRST[0]} / {FIRST[1]}: {losses[0]} / {losses[1]}", losses == FIRST
        last_loss = round(last.train_loss, 3)
        yield f"the last train loss is {LAST_TRAIN_LOSS}: {last_loss}", last_loss == LAST_TRAIN_LOSS
        yield f"the best validation loss is below 6.2: {best:.3f}", best < 6.2
        yield rises, best < last.val_loss
        yield "the last sample is the lecture's, word for word", one_line(outcome.samples[-1]) == LAST_SAMPLE
    else:
        farthest = max(abs(first.train_loss - FIRST[0]), abs(first.val_loss - FIRST[1]))
        yield f"losses at step 0 are within 0.1 of the reference's: {farthest:.3f} off", farthest <= 0.1
        yield f"the last train loss is below 0.7: {last.train_loss:.3f}", last.train_loss < 0.7
        yield f"the best validation loss is 6.0 to 6.3: {best:.3f}", 6.0 <= best <= 6.3
        yield rises, best < last.val_loss


def one_line(sample: Sample) -> str:
    return sample.text.replace("\n", " ")


def report(outcome: Outcome) -> bool:
    """Print the outcome as markdown; whether every goal holds."""
    minutes, seconds = divmod(round(outcome.seconds), 60)
    print(f"### {outcome.numerics}\n")
    print(
        f"{minutes} min {seconds} s, peak memory {outcome.peak_bytes / 1e9:.2f} GB, "
        f"{outcome.threads} threads, PyTorch {torch.__version__}\n"
    )
    print(
        "| step | epoch | tokens seen | train loss | validation loss |\n| ---: | ---: | ---: | ---: | ---: |"
    )
    for evaluation in outcome.evaluations:
        print(
            f"| {evaluation.step} | {evaluation.epoch} | {evaluation.tokens_seen} "
            f"| {evaluation.train_loss:.3f} | {evaluation.val_loss:.3f} |"
        )
    print("\n| epoch | sample |\n| ---: | --- |")
    for sample in outcome.samples:
        print(f"| {sample.epoch} | {one_line(sample).replace('|', chr(92) + '|')} |")
    print()
    results = list(goals(outcome))
    for goal, holds in results:
        print(f"- {'yes' if holds else 'NO'}: {goal}")
    print(flush=True)
    return all(holds for _, holds in results)


def main() -> int:
    parser = argparse.ArgumentParser(description="The lecture's job in every numerical mode.")
    parser.add_argument("--numerics", nargs="+", choices=MODES, default=MODES)
    parser.add_argument("--seed", type=int, default=123, help=argparse.SUPPRESS)
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--text", type=Path, default=find_verdict(), help="The Verdict, if it is not found")
    arguments = parser.parse_args()
    if arguments.text is None:
        parser.error(
            "The Verdict is not on this machine: name its file with --text, or set PRETRAIN_DATASET_MIRROR"
        )
    if arguments.alone:
        text = arguments.text.read_text(encoding="utf-8")
        outcome = train_once(arguments.numerics[0], text, arguments.seed)
        print(json.dumps(asdict(outcome)))
        return 0
    all_hold = [report(train_alone(numerics, arguments.text)) for numerics in arguments.numerics]
    return 0 if all(all_hold) else 1


if __name__ == "__main__":
    sys.exit(main())
