"""Loss and gradients as CUDA graphs, for small models, whose kernels a GPU runs faster than the host launches
them.

A step of the lecture's job takes an H100 8 instead of 51 ms in bfloat16 (benchmarks/LOG.md). A model whose
kernels run longer than their launches take gains nothing.
"""

from typing import Any

import torch
from torch import Tensor

from model.accelerate.cuda_graphs import MemoryPool, capture, warm_up
from model.config import TrainingConfig
from model.data import Batch
from model.gpt import GPT
from model.loss import LossFunction
from model.numerics import ResolvedNumerics


class GraphedLoss:
    """A `LossFunction` that launches all kernels of its forward pass at once, and all of its backward pass.

    Losses and gradients are those of `loss_of`, to the bit. The first batch of a shape is captured, which
    takes as long as a few batches; from then on the model must stay in its mode, and its parameters at their
    addresses.

    pool  memory for activations. Other losses may share it, if none is called between this one's forward
          and backward pass.
    """

    @staticmethod
    def supports(training: TrainingConfig, numerics: ResolvedNumerics, device: torch.device) -> bool:
        return device.type == "cuda"

    def __init__(self, loss_of: LossFunction, pool: MemoryPool) -> None:
        self._loss_of, self._pool = loss_of, pool
        self._captured: dict[tuple[torch.Size, bool], CapturedLoss] = {}

    def __call__(self, model: GPT, inputs: Tensor, targets: Tensor) -> Tensor:
        key = inputs.shape, torch.is_grad_enabled()
        if key not in self._captured:
            kind = CapturedTrainingLoss if torch.is_grad_enabled() else CapturedLoss
            self._captured[key] = kind(self._loss_of, model, (inputs, targets), self._pool)
        return self._captured[key](inputs, targets)


class CapturedLoss:
    """The loss of batches of one shape, without gradients."""

    def __init__(self, loss_of: LossFunction, model: GPT, batch: Batch, pool: MemoryPool) -> None:
        self._loss_of, self._model = loss_of, model
        # A graph reads its inputs at the same addresses every time.
        self._inputs, self._targets = (tokens.clone() for tokens in batch)
        self._warm_up()
        self._graph = capture(self._forward, pool)

    def __call__(self, inputs: Tensor, targets: Tensor) -> Tensor:
        self._inputs.copy_(inputs)
        self._targets.copy_(targets)
        self._graph.replay()
        return self._loss.detach().clone()

    def _warm_up(self) -> None:
        warm_up(self._forward)

    def _forward(self) -> None:
        self._loss = self._loss_of(self._model, self._inputs, self._targets)


class CapturedTrainingLoss(CapturedLoss):
    """The same with a graph of the backward pass, which accumulates gradients in memory of its own: a
    parameter without a `grad` gets that as its `grad`."""

    def __init__(self, loss_of: LossFunction, model: GPT, batch: Batch, pool: MemoryPool) -> None:
        self._parameters = list(model.parameters())
        self._grad_loss = torch.ones((), device=batch[0].device)
        self._forward_done = torch.cuda.Event(blocking=True)
        super().__init__(loss_of, model, batch, pool)
        self._gradients = [torch.zeros_like(parameter, requires_grad=False) for parameter in self._parameters]
        self._attach_gradients()
        self._backward_graph = capture(self._backward, pool)

    def __call__(self, inputs: Tensor, targets: Tensor) -> Tensor:
        # Else the host would be hundreds of steps ahead, and a run that is to stop would end with them.
        self._forward_done.synchronize()
        loss: Tensor = ReplayFunction.apply(self, inputs, targets, self._parameters[0])
        self._forward_done.record()
        return loss

    def add_gradients(self, grad_loss: Tensor) -> None:
        """`grad_loss`, a scalar, times the gradient of the latest loss."""
        self._attach_gradients()
        self._grad_loss.copy_(grad_loss)
        self._backward_graph.replay()

    def _warm_up(self) -> None:
        def compute() -> None:
            self._forward()
            self._backward()

        warm_up(compute)
        for parameter in self._parameters:
            parameter.grad = None

    def _backward(self) -> None:
        self._loss.backward(self._grad_loss)
        self._loss = self._loss.detach()

    def _attach_gradients(self) -> None:
        attached = []
        for parameter, gradient in zip(self._parameters, self._gradients, strict=True):
            if parameter.grad is None:
                parameter.grad = gradient
                attached.append(gradient)
        if attached:
            torch._foreach_zero_(attached)


class ReplayFunction(torch.autograd.Function):
    """A loss whose backward pass adds the gradients itself; `parameter` makes autograd record it."""

    @staticmethod
    def forward(
        ctx: Any, captured: CapturedTrainingLoss, inputs: Tensor, targets: Tensor, parameter: Tensor
    ) -> Tensor:
        ctx.captured = captured
        return CapturedLoss.__call__(captured, inputs, targets)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, None, None, None]:
        ctx.captured.add_gradients(gradients[0])
        return None, None, None, None
