"""How the time of a step grows with the model and the batch, against its FLOPs.

    python -m benchmarks.growth [--plot benchmarks/growth.svg]

Each of depth, width, context and batch is doubled again and again while the others stay. Prints a markdown
table and plots seconds against FLOPs, with GEMM throughput as the bound.
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

from benchmarks.measuring import gemm_flops, seconds_of
from model.accelerate.optimizer_in_backward import OptimizerInBackward
from model.config import GPTConfig, TrainingConfig
from model.estimate.parameters import training_flops_per_token
from model.gpt import GPT
from model.layers.kit import KITS
from model.loss import loss_of
from model.numerics import pick_device, resolve_numerics
from model.optimizer import make_optimizer
from worker.threads import WATCHED_SPINS, with_spin_settings
from worker.training.allocator import with_allocator_settings

matplotlib.use("svg")
from matplotlib import pyplot

BASE = {"n_layers": 6, "emb_dim": 384, "context_length": 256, "batch": 2}
SWEEPS = {
    "n_layers": [3, 6, 12, 24],
    "emb_dim": [192, 384, 768, 1536],
    "context_length": [64, 128, 256, 512, 1024],
    "batch": [1, 2, 4, 8],
}
VOCABULARY = 50257
ROUNDS = 5


@dataclass(frozen=True)
class Point:
    dimension: str
    value: int
    flops: float
    """Of a step."""
    seconds: float


def measure() -> Iterator[Point]:
    by_shape: dict[tuple[tuple[str, int], ...], Point] = {}
    for dimension, values in SWEEPS.items():
        for value in values:
            shape = {**BASE, dimension: value}
            key = tuple(shape.items())
            if key not in by_shape:
                gc.collect()  # the model before
                by_shape[key] = time_step(shape, dimension, value)
            yield Point(dimension, value, by_shape[key].flops, by_shape[key].seconds)


def time_step(shape: dict[str, int], dimension: str, value: int) -> Point:
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
    flops = training_flops_per_token(config) * shape["batch"] * config.context_length
    return Point(dimension, value, flops, seconds)


def plot(points: list[Point], peak_flops: float, path: Path) -> None:
    figure, axis = pyplot.subplots(figsize=(7, 5))
    for dimension in SWEEPS:
        series = [point for point in points if point.dimension == dimension]
        axis.loglog([p.flops for p in series], [p.seconds for p in series], "o-", label=dimension)
    ends = [min(p.flops for p in points), max(p.flops for p in points)]
    axis.loglog(ends, [end / peak_flops for end in ends], "k--", label="GEMM throughput")
    axis.set(xlabel="FLOPs of a step", ylabel="seconds")
    axis.legend()
    figure.tight_layout()
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plot", type=Path, default=Path(__file__).with_name("growth.svg"))
    arguments = parser.parse_args()
    environment = with_spin_settings(with_allocator_settings(os.environ), WATCHED_SPINS)
    if environment != dict(os.environ):  # read when a process starts
        os.execve(sys.executable, [sys.executable, "-m", "benchmarks.growth", *sys.argv[1:]], environment)
    numerics = resolve_numerics("auto", pick_device())
    peak_flops = gemm_flops(torch.bfloat16 if numerics == "bfloat16" else torch.float32)
    print(f"{numerics}, GEMM throughput: {peak_flops / 1e9:.0f} GFLOP/s; the others as in {BASE}\n")
    print("| dimension | value | GFLOP a step | ms | GFLOP/s |\n| --- | ---: | ---: | ---: | ---: |")
    points = []
    for point in measure():
        points.append(point)
        speed = point.flops / point.seconds / 1e9
        print(
            f"| {point.dimension} | {point.value} | {point.flops / 1e9:.0f} | {point.seconds * 1e3:.0f} "
            f"| {speed:.0f} |",
            flush=True,
        )
    plot(points, peak_flops, arguments.plot)
    print(f"\nplotted in {arguments.plot}")


if __name__ == "__main__":
    main()
