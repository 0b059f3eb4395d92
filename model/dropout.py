"""Dropout on the CPU, where PyTorch draws a number for every element from a slow generator."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.devices import is_eager_cpu

LEVELS = 2**8
"""A number of 8 bits decides about an element: eight come out of one draw of the generator."""

BITS = {torch.bfloat16: torch.int16, torch.float32: torch.int32}


class Dropout(nn.Dropout):
    """`torch.nn.Dropout`, on the CPU with masks that cost less; a rate above 255 / 256 counts as that.

    The masks of the lecture's job (24 million numbers) took 0.13 s of a step of 1.4 s, here 0.02 s
    (benchmarks/LOG.md). On CUDA PyTorch's own is fused.
    """

    def forward(self, x: Tensor) -> Tensor:
        return dropout(x, self.p) if self.training else x


def dropout(x: Tensor, rate: float) -> Tensor:
    """x, of any shape, with each element zeroed with probability `rate` and the others scaled up, so that the
    mean stays. Source: Srivastava et al. 2014, section 10 ("inverted")."""
    if not is_eager_cpu(x):
        return F.dropout(x, rate)
    mask = draw_mask(x.shape, rate)
    return x if mask is None else Masked.apply(x, mask)


@dataclass(frozen=True)
class DropMask:
    """Which elements are kept: an int8 for each, with all bits set or none."""

    keep: Tensor
    scale: float
    """Of the elements that are kept."""

    def applied(self, x: Tensor) -> Tensor:
        """x, of the mask's shape, with the bits of dropped elements cleared, scaled."""
        bits = BITS[x.dtype]
        return (x.view(bits) & self.keep.to(bits)).view(x.dtype).mul_(self.scale)


def draw_mask(shape: torch.Size, rate: float) -> DropMask | None:
    """None, and nothing is drawn, where the rate is 0.

    The rate is rounded to a multiple of 1 / 256, for each mask anew up or down at random, so that an element
    is dropped with the very probability that is asked for.
    """
    if rate == 0:
        return None
    rate = min(rate, (LEVELS - 1) / LEVELS)
    dropped = int(rate * LEVELS + torch.rand(()).item())
    return DropMask(keep_bits(shape, dropped), 1 / (1 - rate))


def keep_bits(shape: torch.Size, dropped: int) -> Tensor:
    """int8 of `shape`: no bit set with probability `dropped` / 256, else all of them."""
    n = shape.numel()
    draws = torch.empty(-(-n // 8), dtype=torch.int64).random_(-(2**63), None).view(torch.int8)[:n]
    # In place, 0 or 1 and then 0 or -1: another tensor for the comparison takes as long as all of this.
    return draws.ge_(dropped - LEVELS // 2).neg_().view(shape)


class Masked(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, mask: DropMask) -> Tensor:
        ctx.mask = mask
        return mask.applied(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return ctx.mask.applied(gradients[0]), None
