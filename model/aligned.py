"""The product with the vocabulary's matrix, in rows that begin where the processor wants them."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.devices import is_eager_cpu
from model.weight_gradient import TakeGradient, weight_gradient

LINE = 16
"""float32 numbers of a cache line."""
TILE = 64
"""A multiple of what tensor cores want of a matrix's sides: 128 bytes of bfloat16. Source: NVIDIA, "Matrix
Multiplication Background User's Guide", section "Tensor Core Requirements"."""


def aligned_linear(x: Tensor, weight: Tensor, take: TakeGradient | None = None) -> Tensor:
    """x (..., I), weight (O, I) -> (..., O), as `F.linear`, in rows that each begin a cache line.

    The usual vocabulary has an odd number of tokens, so that no two rows of logits lie alike. With the end of
    each row left unused their product took 0.29 instead of 0.41 s in the lecture's job (benchmarks/LOG.md).
    Not for bfloat16 (not measured), nor for the compiler, which chooses its own layout.
    """
    return AlignedProduct.apply(x, weight, take) if is_eager_cpu(x) else F.linear(x, weight)


class AlignedLinear(nn.Linear):
    """Without a bias."""

    take_gradient: TakeGradient | None = None
    """Of the weight."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return aligned_linear(x, self.weight, self.take_gradient)


def padded_linear(x: Tensor, weight: Tensor) -> Tensor:
    """x (..., I), weight (O, I) -> (..., O rounded up to whole tiles): as `F.linear`, then -inf.

    For the GPU, whose product with GPT-2's 50,257 rows runs at a seventh of its rate (benchmarks/LOG.md). The
    -inf take no part in a softmax, so nothing cuts them off. It copies the weight, which is little beside the
    product of many rows and as much as that of one, so generating a token does without.
    """
    missing = -len(weight) % TILE
    if missing == 0:
        return F.linear(x, weight)
    bias = F.pad(weight.new_zeros(len(weight)), (0, missing), value=-torch.inf)
    return F.linear(x, F.pad(weight, (0, 0, 0, missing)), bias)


class AlignedProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, take: TakeGradient | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.take = take
        O, I = weight.shape  # noqa: E741
        rows = x.reshape(-1, I)
        y = x.new_empty(len(rows), -(-O // LINE) * LINE)[:, :O]
        torch.mm(rows, weight.T, out=y)
        return y.view(*x.shape[:-1], O)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor | None, None]:
        x, weight = ctx.saved_tensors
        gradient = gradients[0].flatten(0, -2)  # (N, O)
        of_x = (gradient @ weight).view_as(x)  # before `take` changes the weight

        def of_weight(rows: slice) -> Tensor:
            return gradient[:, rows].T @ x.flatten(0, -2)

        return of_x, weight_gradient(of_weight, ctx.take), None
