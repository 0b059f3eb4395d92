"""Dropout on the CPU, where PyTorch draws a random number for every element from a slow generator."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.layers.devices import is_eager_cpu

LEVELS = 2**15
"""Values of the 15-bit random number that decides about an element. Four fit into one int64 that the
generator draws."""

SAME_WIDTH_INT = {torch.bfloat16: torch.int16, torch.float32: torch.int32}


class Dropout(nn.Dropout):
    """`torch.nn.Dropout` whose rate is rounded to a multiple of 1 / 32,768 below 1 on the CPU.

    The masks of the lecture's job (29 million elements) took 0.13 s of a step of 1.4 s, here 0.03 s
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
    return x if mask is None else DropoutFunction.apply(x, mask)


@dataclass(frozen=True)
class DropoutMask:
    keep: Tensor
    """int16: all bits set for an element that is kept, none for one that is dropped."""
    scale: float
    """Of the elements that are kept."""

    def apply(self, x: Tensor) -> Tensor:
        """x, of the mask's shape, with the bits of dropped elements cleared, scaled."""
        dtype = SAME_WIDTH_INT[x.dtype]
        return (x.view(dtype) & self.keep.to(dtype)).view(x.dtype).mul_(self.scale)


def draw_mask(shape: torch.Size, rate: float) -> DropoutMask | None:
    """None, and nothing is drawn, where the rate is rounded to 0."""
    dropped = min(round(rate * LEVELS), LEVELS - 1)
    return DropoutMask(draw_keep_bits(shape, dropped), LEVELS / (LEVELS - dropped)) if dropped else None


def draw_keep_bits(shape: torch.Size, dropped: int) -> Tensor:
    """int16 of `shape`: no bit set with probability `dropped` / 32,768, else all of them."""
    n = shape.numel()
    random = torch.empty(-(-n // 4), dtype=torch.int64).random_(-(2**63), None).view(torch.int16)[:n]
    # Levels are 0 to 32,767; below `dropped` the difference is negative, and its sign fills all bits.
    return random.bitwise_and_(LEVELS - 1).sub_(dropped).bitwise_right_shift_(15).bitwise_not_().view(shape)


class DropoutFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, mask: DropoutMask) -> Tensor:
        ctx.mask = mask
        return mask.apply(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return ctx.mask.apply(gradients[0]), None
