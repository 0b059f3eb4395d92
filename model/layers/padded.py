"""The product with the vocabulary's matrix on a GPU."""

import torch
from torch import Tensor
from torch.nn import functional as F

TILE = 64
"""A multiple of what tensor cores want of a matrix's sides: 128 bytes of bfloat16. Source: NVIDIA, "Matrix
Multiplication Background User's Guide", section "Tensor Core Requirements"."""


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
