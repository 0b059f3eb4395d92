"""Where a run computes and with what arithmetic.

reference  float32, written out as in the lecture (`model.layers.reference`), PyTorch's plain AdamW
float32    the same mathematics through fused kernels; on CUDA its products are TF32
bfloat16   as float32, with the matrix products in bfloat16; weights and optimizer stay float32
"""

import os
from pathlib import Path
from typing import Literal

import torch

from model.config import Numerics

ResolvedNumerics = Literal["reference", "float32", "bfloat16"]


def pick_device() -> torch.device:
    """The first CUDA device if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def resolve_numerics(numerics: Numerics, device: torch.device) -> ResolvedNumerics:
    """`auto` becomes bfloat16 where `device` multiplies it natively, else float32; the others stay."""
    if numerics != "auto":
        return numerics
    native = (
        torch.cuda.is_bf16_supported(including_emulation=False)
        if device.type == "cuda"
        else cpu_has_bfloat16()
    )
    return "bfloat16" if native else "float32"


def cpu_has_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor multiplies bfloat16 matrices natively; False where Linux does not tell."""
    if not cpuinfo.exists():
        return False
    flags = next((line for line in cpuinfo.read_text().splitlines() if line.startswith("flags")), "")
    return not {"avx512_bf16", "amx_bf16"}.isdisjoint(flags.split())


def set_up(device: torch.device, numerics: ResolvedNumerics) -> None:
    """Make kernels repeat bit for bit on `device`, for the whole process; the CPU's do by themselves. On CUDA
    `float32` multiplies in TF32, with float32's range and 10 bits of precision, on the tensor cores."""
    if device.type == "cuda":
        # cuBLAS reads this when it is first used: https://docs.nvidia.com/cuda/cublas, "Reproducibility".
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        torch.set_float32_matmul_precision("high" if numerics == "float32" else "highest")
