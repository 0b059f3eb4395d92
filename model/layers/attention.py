"""Causal attention, on the CPU a block of queries at a time."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.layers.bfloat16 import for_product
from model.layers.devices import is_eager_cpu
from model.layers.dropout import DropMask, draw_mask

BLOCK_BYTES = 256
"""A block is as many queries as numbers fill these: 64 in float32, 128 in bfloat16."""


class LayerKVCache(Protocol):
    """The keys and values of one block's attention for one sequence."""

    def attention(self, qkv: Tensor) -> Tensor:
        """Queries, keys and values (3, 1, H, t, D) of the next t tokens, which it takes in -> (1, H, t, D)"""
        ...


class KVCache(Protocol):
    """The keys and values of a whole model for one sequence."""

    @property
    def layers(self) -> Sequence[LayerKVCache]: ...

    def positions(self, tokens: int, device: torch.device) -> Tensor:
        """(T,) int64: where the next `tokens` tokens stand. ValueError if there is no place for them."""
        ...


def project_qkv(qkv: nn.Linear, x: Tensor, n_heads: int) -> Tensor:
    """x (B, T, C) -> queries, keys and values (3, B, H, T, D), by one product."""
    B, T, C = x.shape
    projected = for_product(qkv(x)).view(B, T, 3, n_heads, C // n_heads)
    return projected.permute(2, 0, 3, 1, 4)


def attend(qkv: Tensor, caches: Sequence[LayerKVCache] = (), drop_rate: float = 0.0) -> Tensor:
    """Of queries to keys and values (3, B, H, t, D), and to those in the caches -> (B, H, t, D).

    With caches, one for each sequence, which know no dropout, sequence by sequence: each has a length of its
    own and is computed as if it were alone.
    """
    if not caches:
        return causal_attention(qkv, drop_rate)
    if len(caches) == 1:
        return caches[0].attention(qkv)
    sequences = zip(caches, qkv.split(1, dim=1), strict=True)
    return torch.cat([cache.attention(sequence) for cache, sequence in sequences])


def causal_attention(qkv: Tensor, drop_rate: float = 0.0) -> Tensor:
    """Of queries to keys and values (3, B, H, T, D) -> (B, H, T, D), with dropout on the attention weights.

    On the CPU PyTorch's fused kernel knows no dropout, and of all T x T weights at once the mask hides half.
    In blocks a layer of the lecture's job takes 10 instead of 15 ms in float32, 8 instead of 9 in bfloat16,
    and half and two thirds of the time at a context of 1,024. The fused kernel, without dropout, takes 1.2 to
    twice as long as this (benchmarks/LOG.md).
    Source: Vaswani et al. 2017, equation 1.
    """
    if not is_eager_cpu(qkv):
        queries, keys, values = qkv
        return F.scaled_dot_product_attention(queries, keys, values, dropout_p=drop_rate, is_causal=True)
    queries, keys, values = qkv.flatten(1, 2)  # (R, T, D) each
    return BlockwiseAttention.apply(queries, keys, values, drop_rate).view(qkv.shape[1:])


def continued_attention(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Causal attention of the last t of T tokens: queries (B, H, t, D), keys and values (B, H, T, D)
    -> (B, H, t, D). Without gradients. Source: as `causal_attention`."""
    t, T = queries.shape[2], keys.shape[2]
    if not is_eager_cpu(queries):
        is_past = torch.ones(t, T, dtype=torch.bool, device=queries.device).tril(T - t)
        return F.scaled_dot_product_attention(queries, keys, values, attn_mask=is_past)
    scaled = queries.flatten(0, 1) * queries.shape[-1] ** -0.5  # (B * H, t, D)
    keys, values = keys.flatten(0, 1), values.flatten(0, 1)  # (B * H, T, D)
    attn_out = []
    for block, visible in blocks(scaled):
        past = slice(T - t + visible.stop)
        attn_out.append(attention_weights(scaled[:, block], keys[:, past]) @ values[:, past])
    return torch.cat(attn_out, dim=1).view(queries.shape)


class BlockwiseAttention(torch.autograd.Function):
    """Rows of queries, keys and values (R, T, D) -> (R, T, D).

    Attention weights are forgotten block by block and computed anew in the backward pass. Kept for it, they
    would be a quarter of what the lecture's job keeps (benchmarks/LOG.md).
    """

    @staticmethod
    def forward(ctx: Any, queries: Tensor, keys: Tensor, values: Tensor, drop_rate: float) -> Tensor:
        ctx.save_for_backward(queries, keys, values)
        ctx.masks = []
        queries = queries * queries.shape[-1] ** -0.5
        attn_out = torch.empty_like(queries)
        for block, visible in blocks(queries):
            weights = attention_weights(queries[:, block], keys[:, visible])
            mask = draw_mask(weights.shape, drop_rate)
            attn_out[:, block] = dropped(weights, mask) @ values[:, visible]
            ctx.masks.append(mask)
        return attn_out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        queries, keys, values = ctx.saved_tensors
        scale = queries.shape[-1] ** -0.5
        queries = queries * scale
        grad_q = torch.empty_like(queries)
        # Sums over blocks, so not in bfloat16.
        sum_type = torch.promote_types(keys.dtype, torch.float32)
        grad_k, grad_v = (torch.zeros(keys.shape, dtype=sum_type) for _ in range(2))
        for (block, visible), mask in zip(blocks(queries), ctx.masks, strict=True):
            grad_out = gradients[0][:, block]
            weights = attention_weights(queries[:, block], keys[:, visible])
            grad_v[:, visible] += dropped(weights, mask).mT @ grad_out
            grad_weights = dropped(grad_out @ values[:, visible].mT, mask)
            grad_scores = torch._softmax_backward_data(grad_weights, weights, -1, weights.dtype)
            grad_q[:, block] = grad_scores @ keys[:, visible]
            grad_k[:, visible] += grad_scores.mT @ queries[:, block]
        return grad_q.mul_(scale), grad_k.to(keys.dtype), grad_v.to(values.dtype), None


def blocks(queries: Tensor) -> Iterator[tuple[slice, slice]]:
    """The queries of each block, and the keys up to its last one."""
    T, size = queries.shape[1], BLOCK_BYTES // queries.itemsize
    for start in range(0, T, size):
        end = min(start + size, T)
        yield slice(start, end), slice(end)


def attention_weights(queries: Tensor, keys: Tensor) -> Tensor:
    """The last t of T queries (R, t, D), scaled, and keys (R, T, D) -> (R, t, T), of which rows sum to 1."""
    t, T = queries.shape[1], keys.shape[1]
    mask = torch.full((t, T), -torch.inf, dtype=queries.dtype).triu(diagonal=T - t + 1)
    return torch.baddbmm(mask, queries, keys.mT).softmax(dim=-1)


def dropped(weights: Tensor, mask: DropMask | None) -> Tensor:
    return weights if mask is None else mask.applied(weights)
