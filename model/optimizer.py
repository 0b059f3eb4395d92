"""The optimizer of a run, and the learning rate of each of its steps."""

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.autograd.graph import increment_version
from torch.optim.adamw import adamw

from model.config import TrainingConfig
from model.gpt import GPT

State = dict[str, Tensor]
"""Of a parameter: `step`, the updates so far, and the moments `exp_avg` and `exp_avg_sq`, of its shape."""


class AdamW:
    """Decays all of its parameters. Source: Loshchilov and Hutter 2019, algorithm 2.

    The numbers are those of `torch.optim.AdamW`, whose functional form this calls. The class itself imports
    PyTorch's compiler, which takes every trainer two seconds and 75 MB (benchmarks/LOG.md).

    fused  by PyTorch's one kernel for all, which is faster and rounds differently
    """

    def __init__(self, parameters: Iterable[Tensor], training: TrainingConfig, *, fused: bool) -> None:
        self.learning_rate = training.learning_rate
        self._training = training
        self._fused = fused
        # Made here, not in the first step, which a checkpoint may precede.
        self.state: dict[Tensor, State] = {
            parameter: {
                "step": torch.zeros((), device=parameter.device if fused else None),
                "exp_avg": torch.zeros_like(parameter, requires_grad=False),
                "exp_avg_sq": torch.zeros_like(parameter, requires_grad=False),
            }
            for parameter in parameters
        }

    def step(self) -> None:
        """Update every parameter that has a gradient."""
        left = [(parameter, parameter.grad) for parameter in self.state if parameter.grad is not None]
        if left:
            parameters, gradients = zip(*left, strict=True)
            self.update(parameters, gradients, [self.state[parameter] for parameter in parameters])

    @torch.no_grad()
    def update(
        self, parameters: Sequence[Tensor], gradients: Sequence[Tensor], states: Sequence[State]
    ) -> None:
        """Update these by their gradients, and their states with them, in place."""
        beta1, beta2 = self._training.betas
        adamw(
            list(parameters),
            list(gradients),
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            [state["step"] for state in states],
            fused=self._fused,
            amsgrad=False,
            beta1=beta1,
            beta2=beta2,
            lr=self.learning_rate,
            weight_decay=self._training.weight_decay,
            eps=1e-8,
            maximize=False,
        )
        # The fused kernel, unlike every other operation, does not count its changes up (PyTorch 2.13).
        increment_version(parameters)


class Optimizers:
    """One or two, of a parameter each, as one."""

    def __init__(self, adamw: AdamW, muon: torch.optim.Muon | None = None) -> None:
        self.adamw, self.muon = adamw, muon

    @property
    def state(self) -> dict[Tensor, dict[str, Tensor]]:
        """What they keep of each parameter."""
        return self.adamw.state if self.muon is None else {**self.adamw.state, **self.muon.state}

    def set_rate(self, learning_rate: float) -> None:
        self.adamw.learning_rate = learning_rate
        if self.muon is not None:
            for group in self.muon.param_groups:
                group["lr"] = learning_rate

    def zero_grad(self) -> None:
        for parameter in self.state:
            parameter.grad = None

    def step(self) -> None:
        self.adamw.step()
        if self.muon is not None:
            self.muon.step()


def make_optimizer(model: GPT, training: TrainingConfig) -> Optimizers:
    """AdamW on every parameter, as in the lecture; or Muon on the matrices of the blocks (Jordan et al. 2024)
    and AdamW on the others.

    Muon's updates are scaled to the size of AdamW's (Liu et al. 2025, section 2.2), so one learning rate does
    for both. `reference` keeps the kernels that round as the lecture's do.
    """
    matrices = [parameter for parameter in model.blocks.parameters() if parameter.dim() == 2]
    by_muon = {id(parameter) for parameter in matrices} if training.optimizer == "muon" else set()
    others = [parameter for parameter in model.parameters() if id(parameter) not in by_muon]
    adamw = AdamW(others, training, fused=model.kit.numerics != "reference")
    if not by_muon:
        return Optimizers(adamw)
    muon = torch.optim.Muon(
        matrices,
        lr=training.learning_rate,
        weight_decay=training.weight_decay,
        adjust_lr_fn="match_rms_adamw",
    )
    for parameter in matrices:  # as AdamW's, before the first step
        muon.state[parameter] = {"momentum_buffer": torch.zeros_like(parameter, requires_grad=False)}
    return Optimizers(adamw, muon)


def learning_rate(training: TrainingConfig, step: int, total_steps: int) -> float:
    """Rate of the 0-based `step` of `total_steps`.

    The warm-up rises linearly and reaches the peak at its last step: peak * (step + 1) / warmup_steps
    (Goyal et al. 2017, section 2.2). After it, with p the share of the remaining steps that are done:

    constant  peak
    linear    min + (peak - min) * (1 - p)
    cosine    min + (peak - min) * (1 + cos(pi * p)) / 2    (Loshchilov and Hutter 2017, equation 5)

    The minimum would be reached one step after the last: with a minimum of 0 no step is without effect.
    """
    peak, least = training.learning_rate, training.min_learning_rate
    warmup = training.warmup_steps
    if step < warmup:
        return peak * (step + 1) / warmup
    done = (step - warmup) / (total_steps - warmup)
    match training.lr_schedule:
        case "constant":
            return peak
        case "linear":
            return least + (peak - least) * (1 - done)
        case "cosine":
            return least + (peak - least) * (1 + math.cos(math.pi * done)) / 2
