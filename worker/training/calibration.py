"""`python -m worker.training.calibration PARENT_PID`: how fast this machine trains, in JSON.

Measured on real steps of small models, each of which is made of one thing above all: many layers, wide
ones, many tokens, long windows, many logits. It takes some fifteen seconds; the worker runs it niced and
while it is idle (see `worker.training.calibrator`). Where other programs take a part of the processor
meanwhile, what they leave is not how fast the machine is: then there are no rates.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor

from jobs.process.parent_death import die_with_parent
from jobs.settings import load_settings
from model.accelerate.optimizer_in_backward import OptimizerInBackward
from model.config import GPTConfig, TrainingConfig
from model.estimate.machine import Calibration, Rates
from model.estimate.work import BatchWork, update_seconds
from model.evaluation import mean_loss
from model.gpt import GPT
from model.layers.bfloat16 import HAS_KERNELS
from model.layers.devices import blocking_synchronise
from model.layers.kit import KITS
from model.loss import loss_of
from model.numerics import ResolvedNumerics, pick_device, resolve_numerics, set_up
from model.optimizer import AdamW, make_optimizer
from worker.training.interference import CLOCKS, Clocks, Interference

NICENESS = 10
BUDGET_S = 0.5
"""For the steps of a model; two are always made after the first, which warms up."""
TRIES = 5
"""At each model, until nothing interferes."""
UPDATED_PARAMETERS = 2**24
"""More than fit a processor's cache, with gradient and moments."""


@dataclass(frozen=True)
class Probe:
    """A model whose steps are timed."""

    config: GPTConfig
    batch_size: int

    @classmethod
    def of(
        cls, context: int, width: int, layers: int, heads: int, *, batch_size: int, vocabulary: int = 257
    ) -> "Probe":
        config = GPTConfig(
            context_length=context, emb_dim=width, n_layers=layers, n_heads=heads, vocab_size=vocabulary
        )
        return cls(config, batch_size)


# Each is made of what it is named after, above all.
OPERATIONS = [Probe.of(8, 32, 1, 2, batch_size=1), Probe.of(8, 32, 8, 2, batch_size=1)]
PRODUCTS = {"cpu": Probe.of(256, 512, 2, 8, batch_size=2), "cuda": Probe.of(1024, 2048, 4, 16, batch_size=8)}
NUMBERS = {"cpu": Probe.of(128, 128, 4, 2, batch_size=16), "cuda": Probe.of(512, 256, 4, 4, batch_size=64)}
ATTENTION = {"cpu": Probe.of(1024, 256, 2, 4, batch_size=2), "cuda": Probe.of(4096, 512, 2, 8, batch_size=4)}
LOGITS = {
    "cpu": [
        Probe.of(64, 64, 1, 1, batch_size=4, vocabulary=50_257),
        Probe.of(128, 128, 1, 2, batch_size=4, vocabulary=50_257),
    ],
    "cuda": [
        Probe.of(256, 64, 1, 1, batch_size=64, vocabulary=50_257),
        Probe.of(256, 128, 1, 2, batch_size=64, vocabulary=50_257),
    ],
}


class Disturbed(Exception):
    """Other programs took a part of the processor each time."""


def calibrate() -> Calibration:
    """Without rates if other programs keep the machine busy."""
    device = pick_device()
    rates: dict[str, Rates] = {}
    try:
        for numerics in KITS:
            rates[numerics] = measure_rates(numerics, device)
    except Disturbed:
        rates.clear()
    return Calibration(
        device="cuda" if device.type == "cuda" else "cpu",
        auto=resolve_numerics("auto", device),
        has_bfloat16_kernels=device.type == "cuda" or HAS_KERNELS,
        threads=torch.get_num_threads(),
        rates=rates,
    )


def measure_rates(numerics: ResolvedNumerics, device: torch.device) -> Rates:
    """raises  Disturbed"""
    set_up(device, numerics)
    bytes_per_s = update_rate(device, fused=numerics != "reference")
    kind, timed = device.type, {}
    for probe in (*OPERATIONS, PRODUCTS[kind], NUMBERS[kind], ATTENTION[kind], *LOGITS[kind]):
        train_step, evaluate = steps_of(probe, numerics, device)
        timed[probe] = undisturbed_s(train_step)
        if probe == PRODUCTS[kind]:
            update_s = update_seconds(probe.config, TrainingConfig(), bytes_per_s)
            evaluated_share = undisturbed_s(evaluate) / batch_seconds(timed[probe], update_s)
    return fit_rates(timed, bytes_per_s, evaluated_share)


def batch_seconds(step_s: float, update_s: float) -> float:
    """Of a step that takes so long, without its update; noise may not make nothing of it."""
    return max(step_s - update_s, step_s / 2)


def fit_rates(steps_s: Mapping[Probe, float], bytes_per_s: float, evaluated_share: float) -> Rates:
    """Those by which the probes' steps would take as long as they do, in least squares of relative errors."""
    rows, batches_s = [], []
    for probe, whole_s in steps_s.items():
        work = BatchWork.of(probe.config, probe.batch_size)
        rows.append([1, work.layers, work.flops, work.attention_flops, work.numbers, work.logits])
        batches_s.append(batch_seconds(whole_s, update_seconds(probe.config, TrainingConfig(), bytes_per_s)))
    weights = torch.tensor(batches_s, dtype=torch.float64)
    batch_s, layer_s, flop_s, attention_s, number_s, logit_s = non_negative_least_squares(
        torch.tensor(rows, dtype=torch.float64) / weights[:, None], torch.ones_like(weights)
    )
    # As above: at most twice as fast as the fastest probe.
    fastest_flops_per_s = max(row[2] / each for row, each in zip(rows, batches_s, strict=True))
    flop_s = max(flop_s, 0.5 / fastest_flops_per_s)
    return Rates(
        flops_per_s=1 / flop_s,
        # Attention is no faster than other products.
        attention_flops_per_s=1 / (flop_s + attention_s),
        batch_s=batch_s,
        layer_s=layer_s,
        number_s=number_s,
        logit_s=logit_s,
        bytes_per_s=bytes_per_s,
        evaluated_share=evaluated_share,
    )


def non_negative_least_squares(matrix: Tensor, wanted: Tensor) -> list[float]:
    """x (n,) >= 0 for which `matrix` (m, n) @ x is close to `wanted` (m,): what would be most below 0 is left
    out, until nothing is."""
    scales = matrix.amax(dim=0)
    used = list(range(matrix.shape[1]))
    while True:
        solution = torch.linalg.lstsq((matrix / scales)[:, used], wanted[:, None]).solution[:, 0]
        if float(solution.min()) >= 0:
            break
        used.pop(int(solution.argmin()))
    found = dict(zip(used, (solution / scales[used]).tolist(), strict=True))
    return [found.get(column, 0.0) for column in range(matrix.shape[1])]


def steps_of(
    probe: Probe, numerics: ResolvedNumerics, device: torch.device
) -> tuple[Callable[[], object], Callable[[], object]]:
    """A step of its training, as `model.training` makes it, and the evaluation of a batch."""
    config, training = probe.config, TrainingConfig(numerics=numerics)
    model = GPT(config, KITS[numerics]).to(device)
    optimizer = make_optimizer(model, training)
    in_backward = None
    if OptimizerInBackward.supports(training, numerics, device):
        in_backward = OptimizerInBackward(model, optimizer.adamw)
    tokens = torch.randint(config.vocab_size, (probe.batch_size, config.context_length + 1), device=device)
    inputs, targets = tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()

    def step() -> None:
        optimizer.zero_grad()
        loss = loss_of(model, inputs, targets)
        if in_backward is None:
            loss.backward()
        else:
            with in_backward.active(None):
                loss.backward()
        optimizer.step()
        blocking_synchronise(device)

    return step, lambda: mean_loss(model, [(inputs, targets)])


def update_rate(device: torch.device, *, fused: bool) -> float:
    """Bytes a second that AdamW's update reads and writes. raises  Disturbed"""
    weight = torch.zeros(UPDATED_PARAMETERS, device=device)
    adamw = AdamW([weight], TrainingConfig(), fused=fused)
    weight.grad = torch.ones_like(weight)

    def update() -> None:
        adamw.step()
        blocking_synchronise(device)

    return 7 * weight.nbytes / undisturbed_s(update)


def undisturbed_s(action: Callable[[], object], clocks: Clocks = CLOCKS) -> float:
    """Seconds that it takes, the median of several times after the first one, while nothing interferes.

    raises  Disturbed if something does at every try
    """
    action()
    for _ in range(TRIES):
        interference = Interference(clocks)
        times_s: list[float] = []
        ends_s = clocks.wall_s() + BUDGET_S
        while len(times_s) < 2 or clocks.wall_s() < ends_s:
            begun_s = clocks.wall_s()
            action()
            times_s.append(clocks.wall_s() - begun_s)
        if not interference.was_noticed():
            return median(times_s)
    raise Disturbed


def main() -> None:
    die_with_parent(int(sys.argv[1]))
    os.nice(NICENESS)
    if (threads := load_settings().threads) is not None:
        torch.set_num_threads(threads)
    print(json.dumps(calibrate().to_json()))


if __name__ == "__main__":
    main()
