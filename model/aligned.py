"""The product with the vocabulary's matrix in float32 on the CPU."""

from typing import Any

import torch
from torch import Tensor

LINE = 16
"""Numbers of a cache line."""


def aligned_linear(x: Tensor, weight: Tensor) -> Tensor:
    """x (..., I), weight (O, I) -> (..., O), as `F.linear`, in rows that each begin a cache line.

    The usual vocabulary has an odd number of tokens, so that no two rows of logits lie alike. With the end of
    each row left unused their product took 0.29 instead of 0.41 s in the lecture's job (benchmarks/LOG.md).
    Not for bfloat16 (not measured), nor for CUDA and the compiler, which choose their own layout.
    """
    return AlignedProduct.apply(x, weight)


class AlignedProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        O, I = weight.shape  # noqa: E741
        rows = x.reshape(-1, I)
        y = x.new_empty(len(rows), -(-O // LINE) * LINE)[:, :O]
        torch.mm(rows, weight.T, out=y)
        return y.view(*x.shape[:-1], O)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        gradient = gradients[0].flatten(0, -2)
        return (gradient @ weight).view_as(x), gradient.T @ x.flatten(0, -2)
