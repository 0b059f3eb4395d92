"""Whether bfloat16 learns as float32 does: the lecture's job with several seeds in both.

    python -m benchmarks.curves [--seeds 123 1 2] [--plot benchmarks/curves.svg] [--at-once 1]

Prints, for every evaluation, the mean of each mode and the spread over its seeds, and plots all curves. The
order of the windows follows from the seed, so each seed is compared with itself too. Several runs at once
want an `OMP_NUM_THREADS` with which they share the cores.
"""

import argparse
import statistics
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, repeat
from pathlib import Path

import matplotlib

from benchmarks.lecture import Outcome, train_alone
from benchmarks.verdict import find_verdict
from model.numerics import ResolvedNumerics

matplotlib.use("svg")
from matplotlib import pyplot

MODES: tuple[ResolvedNumerics, ...] = ("float32", "bfloat16")
COLOURS = {"float32": "tab:blue", "bfloat16": "tab:orange"}
LOSSES = ("train_loss", "val_loss")

Runs = dict[ResolvedNumerics, list[Outcome]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[123, 1, 2])
    parser.add_argument("--plot", type=Path, default=Path(__file__).with_name("curves.svg"))
    parser.add_argument("--at-once", type=int, default=1, help="how many runs train side by side")
    arguments = parser.parse_args()
    text = find_verdict()
    if text is None:
        parser.error("The Verdict is not at hand; set PRETRAIN_DATASET_MIRROR to the folder it lies in")
    seeds = [seed for seed in arguments.seeds for _ in MODES]
    with ThreadPoolExecutor(arguments.at_once) as pool:
        outcomes = list(pool.map(train_alone, cycle(MODES), repeat(text), seeds))
    runs: Runs = {mode: [outcome for outcome in outcomes if outcome.numerics == mode] for mode in MODES}
    print_table(runs)
    plot(runs, arguments.plot)
    sys.exit(0 if is_within_noise(runs) else 1)


def values(runs: Runs, mode: ResolvedNumerics, loss: str) -> list[list[float]]:
    """Of each evaluation, one for each seed."""
    by_run = [[getattr(evaluation, loss) for evaluation in run.evaluations] for run in runs[mode]]
    return [list(column) for column in zip(*by_run, strict=True)]


def print_table(runs: Runs) -> None:
    print("| step | loss | float32 | bfloat16 | difference of the means | spread of float32's seeds |")
    print("| ---: | --- | ---: | ---: | ---: | ---: |")
    for loss in LOSSES:
        pairs = zip(values(runs, "float32", loss), values(runs, "bfloat16", loss), strict=True)
        for evaluation, (float32, bfloat16) in zip(runs["float32"][0].evaluations, pairs, strict=True):
            means = statistics.mean(float32), statistics.mean(bfloat16)
            print(
                f"| {evaluation.step} | {loss.removesuffix('_loss')} | {means[0]:.3f} | {means[1]:.3f} "
                f"| {means[1] - means[0]:+.3f} | {statistics.stdev(float32):.3f} |"
            )
    for mode in MODES:
        best = [min(evaluation.val_loss for evaluation in run.evaluations) for run in runs[mode]]
        losses = ", ".join(f"{loss:.3f}" for loss in best)
        print(f"\nbest validation loss in {mode}, by seed: {losses}; mean {statistics.mean(best):.3f}")


def is_within_noise(runs: Runs) -> bool:
    """Whether the modes' means differ by less than two standard errors of that difference, at 9 of 10
    evaluations: single ones differ more, as every seed has an order of windows of its own."""
    is_within = []
    for loss in LOSSES:
        pairs = zip(values(runs, "float32", loss), values(runs, "bfloat16", loss), strict=True)
        for float32, bfloat16 in pairs:
            error = ((statistics.variance(float32) + statistics.variance(bfloat16)) / len(float32)) ** 0.5
            is_within.append(
                abs(statistics.mean(bfloat16) - statistics.mean(float32)) <= max(2 * error, 0.005)
            )
    print(
        f"\nwithin noise at {sum(is_within)} of {len(is_within)} evaluations of a loss; 9 of 10 are required"
    )
    return sum(is_within) >= 0.9 * len(is_within)


def plot(runs: Runs, path: Path) -> None:
    figure, axes = pyplot.subplots(1, 2, figsize=(11, 4.2), sharex=True)
    for axis, loss in zip(axes, LOSSES, strict=True):
        for mode in MODES:
            for number, run in enumerate(runs[mode]):
                axis.plot(
                    [evaluation.step for evaluation in run.evaluations],
                    [getattr(evaluation, loss) for evaluation in run.evaluations],
                    color=COLOURS[mode],
                    alpha=0.8,
                    label=mode if number == 0 else None,
                )
        axis.set(xlabel="step", title=f"{loss.removesuffix('_loss')} loss, nats a token")
        axis.legend()
    figure.tight_layout()
    figure.savefig(path)
    print(f"\nplotted in {path}")


if __name__ == "__main__":
    main()
