"""AdamW, of all parameters at once or of some, down to a few rows of one."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.autograd.graph import increment_version
from torch.optim.adamw import adamw

from model.config import TrainingConfig

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
        # Made here, not in the first step, which a checkpoint or `model.early_updates` may precede.
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
