"""Matrix products of bfloat16 numbers on every CPU."""

import torch
from torch import Tensor

HAS_KERNELS: bool = torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
"""Whether PyTorch has fast ones for this processor: on x86 they want AVX-512 or AVX-NE-CONVERT."""


def for_product(x: Tensor) -> Tensor:
    """x itself, or where no kernel multiplies bfloat16, the same numbers in float32.

    There PyTorch falls back to a loop that took 100 times as long as float32's kernel (benchmarks/LOG.md). A
    product of such numbers rounded to bfloat16 is what a kernel gives, which sums in float32 too.
    """
    return x.float() if x.dtype == torch.bfloat16 and x.is_cpu and not HAS_KERNELS else x
