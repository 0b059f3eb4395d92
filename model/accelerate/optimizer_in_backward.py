"""Updating each matrix in the backward pass, as soon as its gradient is complete."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor

from model.config import TrainingConfig
from model.gpt import GPT
from model.layers.bfloat16 import Bfloat16Linear
from model.layers.embedding import Embedding
from model.layers.float32 import Float32Linear
from model.layers.gradients import GradientRows
from model.numerics import ResolvedNumerics
from model.optimizer import AdamW, State

ROWS = 2048
"""Of a matrix of the vocabulary that are updated at once: 6 MB of GPT-2 small's."""


class OptimizerInBackward:
    """Has AdamW update each matrix of a model while the gradients of others are still to come, and free its
    gradient, so that never more than one lies in memory: of the lecture's job that takes 0.5 GB less. Those
    of the largest, the vocabulary's two, are never whole: a few rows are computed, applied and forgotten.

    The numbers are those of `optimizer.step()`, which updates the rest. It does not support a run that clips
    the norm of the whole gradient, nor CUDA, where one kernel for all parameters is faster.
    """

    @staticmethod
    def supports(training: TrainingConfig, numerics: ResolvedNumerics, device: torch.device) -> bool:
        return device.type == "cpu" and numerics != "reference" and training.grad_clip is None

    def __init__(self, model: GPT, adamw: AdamW) -> None:
        self._adamw = adamw
        self._copies = {
            module.weight: module.copy for module in model.modules() if isinstance(module, Bfloat16Linear)
        }
        self._is_active = False
        self._norms: list[Tensor] | None = None
        for parameter in adamw.state:
            if parameter.dim() == 2:
                parameter.register_post_accumulate_grad_hook(self._update)
        for layer in (model.tok_emb, model.head):
            # With a tied head either has a part of the matrix's gradient only.
            if not model.config.tie_weights and isinstance(layer, Embedding | Float32Linear | Bfloat16Linear):
                layer.gradient_consumer = partial(self._update_in_parts, layer.weight)

    @contextmanager
    def active(self, norms: list[Tensor] | None) -> Iterator[None]:
        """Update during the backward pass made in this context; `norms` takes the gradients' L2 norms."""
        self._is_active, self._norms = True, norms
        try:
            yield
        finally:
            self._is_active = False

    def _update(self, parameter: Tensor) -> None:
        if not self._is_active or parameter.grad is None:
            return
        self._apply(parameter, parameter.grad, self._adamw.state[parameter])
        parameter.grad = None
        self._finish(parameter)

    def _update_in_parts(self, parameter: Tensor, gradient: GradientRows) -> bool:
        if not self._is_active or parameter.grad is not None:  # there is a part to add to
            return False
        state = self._adamw.state[parameter]
        for start in range(0, len(parameter), ROWS):
            rows = slice(start, start + ROWS)
            moments = {name: state[name][rows] for name in ("exp_avg", "exp_avg_sq")}
            part = {"step": state["step"].clone(), **moments}
            self._apply(parameter.detach()[rows], gradient(rows), part)
        state["step"] += 1
        self._finish(parameter)
        return True

    def _apply(self, parameter: Tensor, gradient: Tensor, state: State) -> None:
        if self._norms is not None:
            self._norms.append(torch.linalg.vector_norm(gradient))
        self._adamw.update([parameter], [gradient], [state])

    def _finish(self, parameter: Tensor) -> None:
        if copy := self._copies.get(parameter):
            copy.of(parameter)  # now, while the processor has it in its cache
