"""The token embedding, whose gradient need not be in memory as a whole."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.layers.devices import is_eager_cpu
from model.layers.gradients import GradientConsumer, weight_gradient


class Embedding(nn.Embedding):
    """ids (B, T) -> (B, T, C).

    The gradient of its weight is zero but for the tokens that occur, yet PyTorch allocates all of it: 80 MB
    at the peak of the lecture's job (benchmarks/LOG.md).
    """

    gradient_consumer: GradientConsumer | None = None
    """Of the weight's gradient."""

    def forward(self, ids: Tensor) -> Tensor:
        if not is_eager_cpu(self.weight):
            return F.embedding(ids, self.weight)
        return EmbeddingFunction.apply(ids, self.weight, self.gradient_consumer)


class EmbeddingFunction(torch.autograd.Function):
    """`F.embedding` whose gradient can be computed for a range of tokens at a time."""

    @staticmethod
    def forward(ctx: Any, ids: Tensor, weight: Tensor, consume: GradientConsumer | None) -> Tensor:
        ctx.save_for_backward(ids)
        ctx.consume, ctx.vocabulary = consume, range(len(weight))
        return F.embedding(ids, weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor | None, None]:
        (ids,) = ctx.saved_tensors
        ids, grad_out = ids.flatten(), gradients[0].flatten(0, -2)  # (N,) and (N, C)

        def grad_weight(rows: slice) -> Tensor:
            tokens = ctx.vocabulary[rows]
            is_inside = (ids >= tokens.start) & (ids < tokens.stop)
            return torch.ops.aten.embedding_dense_backward(
                grad_out[is_inside], ids[is_inside] - tokens.start, len(tokens), -1, False
            )

        return None, weight_gradient(grad_weight, ctx.consume), None
