"""The loss compiled by `torch.compile`."""

import os
import shutil

import torch
from torch import Tensor

from model.config import TrainingConfig
from model.gpt import GPT
from model.loss import loss_of
from model.numerics import ResolvedNumerics


class CompiledLoss:
    """`loss_of`, forward and backward, as one graph that is compiled when it is first called.

    It is compiled from the plain versions of what is written out for the CPU, which the compiler fuses.
    """

    @staticmethod
    def supports(training: TrainingConfig, numerics: ResolvedNumerics, device: torch.device) -> bool:
        # Fused kernels round otherwise than the lecture's.
        return numerics != "reference"

    def __init__(self) -> None:
        """RuntimeError on a machine without a C++ compiler, which makes the CPU's kernels and the launchers
        of the GPU's."""
        compiler = os.environ.get("CXX", "g++")
        if shutil.which(compiler) is None:
            raise RuntimeError(
                f"training.compile needs a C++ compiler, and this worker's machine has no {compiler}: "
                "install it, name another one with CXX, or post the job with training.compile false"
            )
        from torch._inductor import config as inductor  # takes a second, and few runs need it

        # More would be a pool of processes, which outlive a trainer that is killed.
        inductor.compile_threads = 1
        self._compiled = torch.compile(loss_of, fullgraph=True, dynamic=False)

    def __call__(self, model: GPT, inputs: Tensor, targets: Tensor) -> Tensor:
        """As `loss_of`: inputs and targets (B, T) -> scalar."""
        return self._compiled(model, inputs, targets)
