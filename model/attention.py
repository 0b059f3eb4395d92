"""Attention with dropout on the CPU, where PyTorch's fused kernel knows no dropout."""

from typing import Any

import torch
from torch import Tensor

from model.dropout import DropMask, draw_mask


def attention_with_dropout(queries: Tensor, keys: Tensor, values: Tensor, drop_rate: float) -> Tensor:
    """Causal attention, (B, H, T, D) each and returned, with dropout on the attention weights.

    `scaled_dot_product_attention` falls back to a general version that also looks for rows without any
    visible token, and scales and masks in passes of their own. Here the matrix product does both. It saves
    an eighth of a step of the lecture's job (benchmarks/LOG.md). Source: Vaswani et al. 2017, equation 1.
    """
    B, H, T, D = queries.shape
    mask = draw_mask(torch.Size([B * H, T, T]), drop_rate)
    rows = (each.flatten(0, 1) for each in (queries, keys, values))  # (B * H, T, D) each
    return DroppedAttention.apply(*rows, mask).view(B, H, T, D)


class DroppedAttention(torch.autograd.Function):
    """Rows of queries, keys and values (R, T, D) -> (R, T, D).

    The attention weights (R, T, T) are computed anew in the backward pass, before and after dropout. Kept
    for it, they would be a quarter of what the lecture's job keeps (benchmarks/LOG.md).
    """

    @staticmethod
    def forward(ctx: Any, queries: Tensor, keys: Tensor, values: Tensor, mask: DropMask) -> Tensor:
        ctx.save_for_backward(queries, keys, values)
        ctx.mask = mask
        return mask.applied(attention_weights(queries, keys)) @ values

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        queries, keys, values = ctx.saved_tensors
        (gradient,) = gradients
        weights = attention_weights(queries, keys)
        of_values = ctx.mask.applied(weights).mT @ gradient
        of_weights = ctx.mask.applied(gradient @ values.mT)
        of_scores = torch._softmax_backward_data(of_weights, weights, -1, weights.dtype)
        of_scores *= queries.shape[-1] ** -0.5
        return of_scores @ keys, of_scores.mT @ queries, of_values, None


def attention_weights(queries: Tensor, keys: Tensor) -> Tensor:
    """(R, T, D) each -> (R, T, T), of which each row sums to 1."""
    T, D = queries.shape[1:]
    mask = torch.full((T, T), -torch.inf, dtype=queries.dtype).triu(diagonal=1)
    return torch.baddbmm(mask, queries, keys.mT, alpha=D**-0.5).softmax(dim=-1)
