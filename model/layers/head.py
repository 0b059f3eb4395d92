"""The output head: hidden states (..., C) to logits (..., V)."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

TILE = 64
"""Tensor cores want a matrix's sides to be multiples of this: 128 bytes of bfloat16. Source: NVIDIA, "Matrix
Multiplication Background User's Guide", section "Tensor Core Requirements"."""


class TiedHead:
    """A head whose weight is that of the token embedding (Press and Wolf 2017). It is no module: it owns no
    parameter that a checkpoint would hold."""

    def __init__(self, embedding: nn.Embedding, linear: Callable[[Tensor, Tensor], Tensor]) -> None:
        self._embedding, self._linear = embedding, linear

    @property
    def weight(self) -> Tensor:
        return self._embedding.weight

    def __call__(self, hidden: Tensor) -> Tensor:
        return self._linear(hidden, self.weight)


Head = nn.Linear | TiedHead


def plain_logits(head: Head, hidden: Tensor) -> Tensor:
    return head(hidden)


def padded_logits(head: Head, hidden: Tensor, dtype: torch.dtype) -> Tensor:
    """(B, T, C) -> (B, T, V); on a GPU computed in `dtype`, with V padded as `padded_linear` does."""
    if hidden.is_cpu:
        return head(hidden)
    return padded_linear(hidden.to(dtype), head.weight.to(dtype))


def padded_linear(x: Tensor, weight: Tensor) -> Tensor:
    """x (..., I), weight (O, I) -> (..., O rounded up to whole tiles): as `F.linear`, padded with -inf.

    For the GPU, whose product with GPT-2's 50,257 rows has a seventh of the throughput of whole tiles
    (benchmarks/LOG.md). The padding does not change a softmax, so it is never cut off. The weight is copied,
    which costs little beside the product of many tokens and as much as that of one, so decoding does without.
    """
    padding = -len(weight) % TILE
    if padding == 0:
        return F.linear(x, weight)
    bias = F.pad(weight.new_zeros(len(weight)), (0, padding), value=-torch.inf)
    return F.linear(x, F.pad(weight, (0, 0, 0, padding)), bias)
