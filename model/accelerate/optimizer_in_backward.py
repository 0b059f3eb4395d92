"""Optimizer-in-backward: each matrix is updated in the backward pass, as soon as its gradient is complete."""

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

ROWS_PER_UPDATE = 2048
"""Rows of the vocabulary's matrices that are updated at once: 6 MB of GPT-2 small's."""


class OptimizerInBackward:
    """Has AdamW update each matrix of a model while the gradients of others are still to come, and frees its
    gradient, so that at most one is in memory: 0.5 GB less for the lecture's job. Those of the two largest,
    the vocabulary's, are never whole: a few rows are computed, applied and freed.

    The numbers are those of `optimizer.step()`, which updates the rest. A run that clips the global gradient
    norm needs all gradients before any update; on CUDA one kernel for all parameters is faster.
    """

    @staticmethod
    def supports(training: TrainingConfig, numerics: ResolvedNumerics, device: torch.device) -> bool:
        return device.type == "cpu" and numerics != "reference" and training.grad_clip is None

    def __init__(self, model: GPT, adamw: AdamW) -> None:
        self._adamw = adamw
        self._cast_caches = {
            layer.weight: layer.cast_cache for layer in model.modules() if isinstance(layer, Bfloat16Linear)
        }
        self._is_active = False
        self._norms: list[Tensor] | None = None
        for parameter in adamw.state:
            if parameter.dim() == 2:
                parameter.register_post_accumulate_grad_hook(self._update)
        for layer in (model.tok_emb, model.head):
            # If the head is tied, each of the two has only a part of the matrix's gradient.
            is_whole = not model.config.tie_weights and layer.weight in adamw.state
            if is_whole and isinstance(layer, Embedding | Float32Linear | Bfloat16Linear):
                layer.gradient_consumer = partial(self._update_by_rows, layer.weight)

    @contextmanager
    def active(self, norms: list[Tensor] | None) -> Iterator[None]:
        """Update during the backward pass made in this context; `norms` collects the gradients' L2 norms."""
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
        self._refresh_cast(parameter)

    def _update_by_rows(self, parameter: Tensor, gradient: GradientRows) -> bool:
        """A `GradientConsumer`."""
        if not self._is_active or parameter.grad is not None:  # of earlier micro-batches, to be added to
            return False
        state = self._adamw.state[parameter]
        for start in range(0, len(parameter), ROWS_PER_UPDATE):
            rows = slice(start, start + ROWS_PER_UPDATE)
            moments = {name: state[name][rows] for name in ("exp_avg", "exp_avg_sq")}
            rows_state = {"step": state["step"].clone(), **moments}
            self._apply(parameter.detach()[rows], gradient(rows), rows_state)
        state["step"] += 1
        self._refresh_cast(parameter)
        return True

    def _apply(self, parameter: Tensor, gradient: Tensor, state: State) -> None:
        if self._norms is not None:
            self._norms.append(torch.linalg.vector_norm(gradient))
        self._adamw.update([parameter], [gradient], [state])

    def _refresh_cast(self, parameter: Tensor) -> None:
        if cast_cache := self._cast_caches.get(parameter):
            cast_cache.cast(parameter)  # now, while the processor has it in its cache
