"""The loss compiled by PyTorch's own compiler."""

import os
import shutil

import torch

from model.loss import LossFunction, loss_of


def compile_loss() -> LossFunction:
    """`loss_of` as one graph, forward and backward, compiled when it is first called.

    What was written out for the CPU gives way to the plain versions, which the compiler fuses. RuntimeError
    on a machine without a C++ compiler, which makes the CPU's kernels and the launchers of the GPU's.
    """
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        raise RuntimeError(
            f"training.compile needs a C++ compiler, and this worker's machine has no {compiler}: "
            "install it, name another one with CXX, or post the job with training.compile false"
        )
    from torch._inductor import config as inductor  # takes a second, and few runs want it

    # More would be a pool of processes, which outlive a trainer that is killed.
    inductor.compile_threads = 1
    return torch.compile(loss_of, fullgraph=True, dynamic=False)
