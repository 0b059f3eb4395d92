"""The vocabulary's embedding, whose gradient need not lie in memory as a whole."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.layers.devices import is_eager_cpu
from model.layers.gradients import GradientConsumer, weight_gradient


class Embedding(nn.Embedding):
    """ids (B, T) -> (B, T, C).

    The gradient of its weight is zero but for the tokens that occur, yet PyTorch makes all of it: at the peak
    of the lecture's job 80 MB more (benchmarks/LOG.md).
    """

    gradient_consumer: GradientConsumer | None = None
    """Of the weight."""

    def forward(self, ids: Tensor) -> Tensor:
        if not is_eager_cpu(self.weight):
            return F.embedding(ids, self.weight)
        return EmbeddingInRows.apply(ids, self.weight, self.gradient_consumer)


class EmbeddingInRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, ids: Tensor, weight: Tensor, take: GradientConsumer | None) -> Tensor:
        ctx.save_for_backward(ids)
        ctx.take, ctx.rows = take, range(len(weight))
        return F.embedding(ids, weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor | None, None]:
        (ids,) = ctx.saved_tensors
        ids, gradient = ids.flatten(), gradients[0].flatten(0, -2)  # (N,) and (N, C)

        def of_weight(rows: slice) -> Tensor:
            part = ctx.rows[rows]
            inside = (ids >= part.start) & (ids < part.stop)
            return torch.ops.aten.embedding_dense_backward(
                gradient[inside], ids[inside] - part.start, len(part), -1, False
            )

        return None, weight_gradient(of_weight, ctx.take), None
