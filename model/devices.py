"""Where what is written out for the CPU applies."""

import torch
from torch import Tensor


def is_eager_cpu(x: Tensor) -> bool:
    """Whether x is computed on by the CPU, an operation at a time.

    There PyTorch's general operations leave time and memory that code of our own saves. On a GPU its kernels
    are fused already, and a compiler fuses the plain version better than what was written out.
    """
    return x.is_cpu and not torch.compiler.is_compiling()
