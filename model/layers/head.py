"""The output head: from C numbers for each token to V logits."""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F

TILE = 64
"""A multiple of what tensor cores want of a matrix's sides: 128 bytes of bfloat16. Source: NVIDIA, "Matrix
Multiplication Background User's Guide", section "Tensor Core Requirements"."""


class Head(Protocol):
    @property
    def weight(self) -> Tensor:
        """(V, C)"""
        ...

    def __call__(self, hidden: Tensor, /) -> Tensor:
        """(..., C) -> (..., V)"""
        ...


class TiedHead:
    """A head whose weight is that of the token embedding (Press and Wolf 2017). No module: it owns nothing
    that a checkpoint would hold."""

    def __init__(self, embedding: nn.Embedding, linear: Callable[[Tensor, Tensor], Tensor]) -> None:
        self._embedding, self._linear = embedding, linear

    @property
    def weight(self) -> Tensor:
        return self._embedding.weight

    def __call__(self, hidden: Tensor, /) -> Tensor:
        return self._linear(hidden, self.weight)


def logits_of(head: Head, hidden: Tensor) -> Tensor:
    return head(hidden)


def padded_logits(head: Head, hidden: Tensor, dtype: torch.dtype) -> Tensor:
    """`head` on (B, T, C), on a GPU computed in `dtype` and padded as `padded_linear` does."""
    if hidden.is_cpu:
        return head(hidden)
    return padded_linear(hidden.to(dtype), head.weight.to(dtype))


def padded_linear(x: Tensor, weight: Tensor) -> Tensor:
    """x (..., I), weight (O, I) -> (..., O rounded up to whole tiles): as `F.linear`, then -inf.

    For the GPU, whose product with GPT-2's 50,257 rows runs at a seventh of the throughput that whole tiles
    reach (benchmarks/LOG.md). The -inf take no part in a softmax, so nothing cuts them off. It copies the
    weight, which is little beside the product of many tokens and as much as that of one, so generating does
    without.
    """
    missing = -len(weight) % TILE
    if missing == 0:
        return F.linear(x, weight)
    bias = F.pad(weight.new_zeros(len(weight)), (0, missing), value=-torch.inf)
    return F.linear(x, F.pad(weight, (0, 0, 0, missing)), bias)
