"""Losses and gradients on a GPU, where to start a kernel takes longer than most of a small model's run.

A step of the lecture's job takes an H100 8 instead of 33 ms or more (benchmarks/LOG.md). Of a model whose
kernels take longer than their starts, a step takes as long as before.
"""

from typing import Any

import torch
from torch import Tensor

from model.accelerate.cuda_graphs import Pool, record, warm_up
from model.data import Batch
from model.gpt import GPT
from model.loss import LossFunction


class GraphedLoss:
    """A `LossFunction` that starts all kernels of a batch at once, and all of its backward pass.

    Losses and gradients are those of `loss_of`, to the bit. The first batch of a shape is recorded, which
    takes as long as a few batches; from then on the model must stay in its mode and its parameters where they
    are.

    pool  memory for what is kept between a loss and its backward pass. Others may share it that are not
          called in between.
    """

    @staticmethod
    def supports(device: torch.device) -> bool:
        return device.type == "cuda"

    def __init__(self, loss_of: LossFunction, pool: Pool) -> None:
        self._loss_of, self._pool = loss_of, pool
        self._recorded: dict[tuple[torch.Size, bool], RecordedLoss] = {}

    def __call__(self, model: GPT, inputs: Tensor, targets: Tensor) -> Tensor:
        key = inputs.shape, torch.is_grad_enabled()
        if key not in self._recorded:
            kind = RecordedGradients if torch.is_grad_enabled() else RecordedLoss
            self._recorded[key] = kind(self._loss_of, model, (inputs, targets), self._pool)
        return self._recorded[key](inputs, targets)


class RecordedLoss:
    """The loss of batches of one shape."""

    def __init__(self, loss_of: LossFunction, model: GPT, batch: Batch, pool: Pool) -> None:
        self._loss_of, self._model = loss_of, model
        self._inputs, self._targets = (part.clone() for part in batch)
        self._warm_up()
        self._graph = record(self._compute, pool)

    def __call__(self, inputs: Tensor, targets: Tensor) -> Tensor:
        self._inputs.copy_(inputs)
        self._targets.copy_(targets)
        self._graph.replay()
        return self._loss.detach().clone()

    def _warm_up(self) -> None:
        warm_up(self._compute)

    def _compute(self) -> None:
        self._loss = self._loss_of(self._model, self._inputs, self._targets)


class RecordedGradients(RecordedLoss):
    """The same with gradients, which the graph adds up in memory that stays: a parameter gets it when it has
    no `grad`."""

    def __init__(self, loss_of: LossFunction, model: GPT, batch: Batch, pool: Pool) -> None:
        self._parameters = list(model.parameters())
        self._of_loss = torch.ones((), device=batch[0].device)
        self._is_read = torch.cuda.Event(blocking=True)
        super().__init__(loss_of, model, batch, pool)
        self._gradients = [torch.zeros_like(parameter, requires_grad=False) for parameter in self._parameters]
        self._attach()
        self._backward_graph = record(self._compute_gradients, pool)

    def __call__(self, inputs: Tensor, targets: Tensor) -> Tensor:
        # Else the host would be hundreds of steps ahead, and a run that is to stop would end with them.
        self._is_read.synchronize()
        loss: Tensor = Replayed.apply(self, inputs, targets, self._parameters[0])
        self._is_read.record()
        return loss

    def add_gradients(self, of_loss: Tensor) -> None:
        """`of_loss`, a scalar, times the gradient of the latest loss."""
        self._attach()
        self._of_loss.copy_(of_loss)
        self._backward_graph.replay()

    def _warm_up(self) -> None:
        def compute() -> None:
            self._compute()
            self._compute_gradients()

        warm_up(compute)
        for parameter in self._parameters:
            parameter.grad = None

    def _compute_gradients(self) -> None:
        self._loss.backward(self._of_loss)
        self._loss = self._loss.detach()

    def _attach(self) -> None:
        fresh = []
        for parameter, gradient in zip(self._parameters, self._gradients, strict=True):
            if parameter.grad is None:
                parameter.grad = gradient
                fresh.append(gradient)
        if fresh:
            torch._foreach_zero_(fresh)


class Replayed(torch.autograd.Function):
    """A loss whose backward pass adds the gradients itself; `parameter` makes it part of one."""

    @staticmethod
    def forward(
        ctx: Any, recorded: RecordedGradients, inputs: Tensor, targets: Tensor, parameter: Tensor
    ) -> Tensor:
        ctx.recorded = recorded
        return RecordedLoss.__call__(recorded, inputs, targets)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, None, None, None]:
        ctx.recorded.add_gradients(gradients[0])
        return None, None, None, None
