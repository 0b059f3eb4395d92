"""How the time of a step grows with the model and the batch, against the arithmetic it takes.

    python -m benchmarks.growth [--plot benchmarks/growth.svg]

Each of depth, width, context and batch is doubled again and again while the others stay. Prints a markdown
table and plots seconds against operations, with the rate of a plain matrix product as the line that can't be
crossed.
"""

import argparse
import gc
import os
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import torch

from benchmarks.arithmetic import operations_per_token
from benchmarks.measuring import product_rate, seconds_of
from model.accelerate.optimizer_in_backward import OptimizerInBackward
from model.config import GPTConfig, TrainingConfig
from model.gpt import GPT
from model.layers.kit import KITS
from model.loss import loss_of
from model.numerics import pick_device, resolve_numerics
from model.optimizer import make_optimizer
from worker.threads import TRAINER_SPINS, with_spin_settings
from worker.training.allocator import with_allocator_settings

matplotlib.use("svg")
from matplotlib import pyplot

BASE = {"n_layers": 6, "emb_dim": 384, "context_length": 256, "batch": 2}
GROWN = {
    "n_layers": [3, 6, 12, 24],
    "emb_dim": [192, 384, 768, 1536],
    "context_length": [64, 128, 256, 512, 1024],
    "batch": [1, 2, 4, 8],
}
VOCABULARY = 50257
ROUNDS = 5


@dataclass(frozen=True)
class Point:
    grown: str
    value: int
    operations: float
    """Multiplications and additions of a step."""
    seconds: float


def measure() -> Iterator[Point]:
    seen: dict[tuple[tuple[str, int], ...], Point] = {}
    for grown, values in GROWN.items():
        for value in values:
            shape = {**BASE, grown: value}
            key = tuple(shape.items())
            if key not in seen:
                gc.collect()  # of the model before
                seen[key] = time_step(shape, grown, value)
            yield Point(grown, value, seen[key].operations, seen[key].seconds)


def time_step(shape: dict[str, int], grown: str, value: int) -> Point:
    fields: dict[str, Any] = {name: size for name, size in shape.items() if name != "batch"}
    config = GPTConfig(vocab_size=VOCABULARY, n_heads=max(1, shape["emb_dim"] // 64), **fields)
    device = pick_device()
    model = GPT(config, KITS[resolve_numerics("auto", device)]).to(device).train()
    optimizer = make_optimizer(model, TrainingConfig())
    updates = OptimizerInBackward(model, optimizer.adamw)
    tokens = torch.randint(VOCABULARY, (shape["batch"], config.context_length + 1), device=device)

    def step() -> None:
        optimizer.zero_grad()
        with updates.active(None):
            loss_of(model, tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()).backward()
        optimizer.step()
        if device.type == "cuda":
            torch.cuda.synchronize()

    step()
    seconds = statistics.median(seconds_of(step) for _ in range(ROUNDS))
    return Point(grown, value, operations_per_token(config) * shape["batch"] * config.context_length, seconds)


def plot(points: list[Point], rate: float, path: Path) -> None:
    figure, axis = pyplot.subplots(figsize=(7, 5))
    for grown in GROWN:
        own = [point for point in points if point.grown == grown]
        axis.loglog([p.operations for p in own], [p.seconds for p in own], "o-", label=grown)
    ends = [min(p.operations for p in points), max(p.operations for p in points)]
    axis.loglog(ends, [end / rate for end in ends], "k--", label="a matrix product's rate")
    axis.set(xlabel="operations of a step", ylabel="seconds")
    axis.legend()
    figure.tight_layout()
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plot", type=Path, default=Path(__file__).with_name("growth.svg"))
    arguments = parser.parse_args()
    tuned = with_spin_settings(with_allocator_settings(os.environ), TRAINER_SPINS)
    if tuned != dict(os.environ):  # they count from a process's start
        os.execve(sys.executable, [sys.executable, "-m", "benchmarks.growth", *sys.argv[1:]], tuned)
    numerics = resolve_numerics("auto", pick_device())
    rate = product_rate(torch.bfloat16 if numerics == "bfloat16" else torch.float32)
    print(f"{numerics}, a matrix product: {rate / 1e9:.0f} GFLOP/s; the others as in {BASE}\n")
    print("| grown | to | GFLOP a step | ms | GFLOP/s |\n| --- | ---: | ---: | ---: | ---: |")
    points = []
    for point in measure():
        points.append(point)
        speed = point.operations / point.seconds / 1e9
        print(
            f"| {point.grown} | {point.value} | {point.operations / 1e9:.0f} | {point.seconds * 1e3:.0f} "
            f"| {speed:.0f} |",
            flush=True,
        )
    plot(points, rate, arguments.plot)
    print(f"\nplotted in {arguments.plot}")


if __name__ == "__main__":
    main()
