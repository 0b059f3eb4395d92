"""Causal attention, on the CPU a block of queries at a time."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.layers.bfloat16 import as_matmul_operand
from model.layers.devices import is_eager_cpu
from model.layers.dropout import DropoutMask, draw_mask

QUERY_BLOCK_BYTES = 256
"""A block has as many queries as elements fill these: 64 in float32, 128 in bfloat16."""


class LayerKVCache(Protocol):
    """The keys and values of one block's attention for one sequence."""

    def append_and_attend(self, qkv: Tensor) -> Tensor:
        """Queries, keys and values (3, 1, H, t, D) of the next t tokens -> (1, H, t, D).

        Caches the keys and values, then lets the queries attend to all that are cached.
        """
        ...


class KVCache(Protocol):
    """The keys and values of a whole model for one sequence."""

    @property
    def layers(self) -> Sequence[LayerKVCache]: ...

    def positions(self, tokens: int, device: torch.device) -> Tensor:
        """(T,) int64: positions of the next `tokens` tokens. ValueError if they do not fit in the context."""
        ...


def project_qkv(qkv: nn.Linear, x: Tensor, n_heads: int) -> Tensor:
    """x (B, T, C) -> queries, keys and values (3, B, H, T, D), by one matrix product."""
    B, T, C = x.shape
    projected = as_matmul_operand(qkv(x)).view(B, T, 3, n_heads, C // n_heads)
    return projected.permute(2, 0, 3, 1, 4)


def attend(qkv: Tensor, caches: Sequence[LayerKVCache] = (), drop_rate: float = 0.0) -> Tensor:
    """Queries, keys and values (3, B, H, t, D) -> (B, H, t, D): each query attends to the keys up to its own,
    and to those of its sequence's cache.

    caches  one for each sequence, of any length each; none while training. There is no dropout with them.
    """
    if not caches:
        return causal_attention(qkv, drop_rate)
    if len(caches) == 1:
        return caches[0].append_and_attend(qkv)
    # One by one, as lengths differ: each sequence is computed as if it were alone.
    sequences = zip(caches, qkv.split(1, dim=1), strict=True)
    return torch.cat([cache.append_and_attend(sequence) for cache, sequence in sequences])


def causal_attention(qkv: Tensor, drop_rate: float = 0.0) -> Tensor:
    """Queries, keys and values (3, B, H, T, D) -> (B, H, T, D), with dropout on the attention weights.

    On the CPU PyTorch's fused kernel has no dropout, and without it all T x T weights are computed, half of
    which the mask hides. Blockwise, a layer of the lecture's job takes 10 instead of 15 ms in float32, 8
    instead of 9 in bfloat16, and half and two thirds of the time at a context of 1,024. The fused kernel,
    without dropout, takes 1.2x to 2x as long as this (benchmarks/LOG.md).
    Source: Vaswani et al. 2017, equation 1.
    """
    if not is_eager_cpu(qkv):
        queries, keys, values = qkv
        return F.scaled_dot_product_attention(queries, keys, values, dropout_p=drop_rate, is_causal=True)
    queries, keys, values = qkv.flatten(1, 2)  # (B * H, T, D) each
    return BlockwiseAttention.apply(queries, keys, values, drop_rate).view(qkv.shape[1:])


def causal_lower_right_attention(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Causal attention of the last t of T tokens: queries (B, H, t, D), keys and values (B, H, T, D)
    -> (B, H, t, D). For inference: it has no gradients. Named after `torch.nn.attention.bias`."""
    t, T = queries.shape[2], keys.shape[2]
    if not is_eager_cpu(queries):
        is_visible = torch.ones(t, T, dtype=torch.bool, device=queries.device).tril(T - t)
        return F.scaled_dot_product_attention(queries, keys, values, attn_mask=is_visible)
    scaled = queries.flatten(0, 1) * queries.shape[-1] ** -0.5  # (B * H, t, D)
    keys, values = keys.flatten(0, 1), values.flatten(0, 1)  # (B * H, T, D)
    attn_out = []
    for block, visible in query_blocks(scaled):
        past = slice(T - t + visible.stop)
        attn_out.append(attention_weights(scaled[:, block], keys[:, past]) @ values[:, past])
    return torch.cat(attn_out, dim=1).view(queries.shape)


class BlockwiseAttention(torch.autograd.Function):
    """Queries, keys and values (R, T, D) -> (R, T, D), for R = B * H heads.

    Attention weights are dropped block by block and computed again in the backward pass. Saved for it, they
    would be T * T numbers a head: 75 MB in the lecture's job, of 256 tokens, and 16 times that at 1,024.
    """

    @staticmethod
    def forward(ctx: Any, queries: Tensor, keys: Tensor, values: Tensor, drop_rate: float) -> Tensor:
        ctx.save_for_backward(queries, keys, values)
        ctx.masks = []
        queries = queries * queries.shape[-1] ** -0.5
        attn_out = torch.empty_like(queries)
        for block, visible in query_blocks(queries):
            weights = attention_weights(queries[:, block], keys[:, visible])
            mask = draw_mask(weights.shape, drop_rate)
            attn_out[:, block] = masked(weights, mask) @ values[:, visible]
            ctx.masks.append(mask)
        return attn_out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        queries, keys, values = ctx.saved_tensors
        scale = queries.shape[-1] ** -0.5
        queries = queries * scale
        grad_q = torch.empty_like(queries)
        # Sums over blocks, so not in bfloat16.
        sum_dtype = torch.promote_types(keys.dtype, torch.float32)
        grad_k, grad_v = (torch.zeros(keys.shape, dtype=sum_dtype) for _ in range(2))
        for (block, visible), mask in zip(query_blocks(queries), ctx.masks, strict=True):
            grad_out = gradients[0][:, block]
            weights = attention_weights(queries[:, block], keys[:, visible])
            grad_v[:, visible] += masked(weights, mask).mT @ grad_out
            grad_weights = masked(grad_out @ values[:, visible].mT, mask)
            grad_scores = torch._softmax_backward_data(grad_weights, weights, -1, weights.dtype)
            grad_q[:, block] = grad_scores @ keys[:, visible]
            grad_k[:, visible] += grad_scores.mT @ queries[:, block]
        return grad_q.mul_(scale), grad_k.to(keys.dtype), grad_v.to(values.dtype), None


def query_blocks(queries: Tensor) -> Iterator[tuple[slice, slice]]:
    """Of queries (R, T, D): each block's own range, and the range of the keys up to its last query."""
    T, size = queries.shape[1], QUERY_BLOCK_BYTES // queries.itemsize
    for start in range(0, T, size):
        end = min(start + size, T)
        yield slice(start, end), slice(end)


def attention_weights(queries: Tensor, keys: Tensor) -> Tensor:
    """The last t of T queries (R, t, D), scaled, and keys (R, T, D) -> (R, t, T), each row summing to 1."""
    t, T = queries.shape[1], keys.shape[1]
    mask = torch.full((t, T), -torch.inf, dtype=queries.dtype).triu(diagonal=T - t + 1)
    return torch.baddbmm(mask, queries, keys.mT).softmax(dim=-1)


def masked(weights: Tensor, mask: DropoutMask | None) -> Tensor:
    return weights if mask is None else mask.apply(weights)
