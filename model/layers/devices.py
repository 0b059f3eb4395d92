"""What differs between devices: which operations are written out for the CPU, how to wait for a GPU."""

import torch
from torch import Tensor


def is_eager_cpu(x: Tensor) -> bool:
    """Whether x is computed on by the CPU in eager mode.

    There PyTorch's general operations leave time and memory that code of our own saves. On a GPU its kernels
    are fused already, and a compiler fuses the plain version better than what was written out.
    """
    return x.is_cpu and not torch.compiler.is_compiling()


def blocking_synchronise(device: torch.device) -> None:
    """Return when the device has finished all work that is queued. Does nothing on the CPU, which queues
    none.

    The thread sleeps meanwhile (`cudaEventBlockingSync`). To read a number from a GPU waits too, but spins on
    a core, for seconds in an evaluation of a large model.
    """
    if device.type == "cuda":
        done = torch.cuda.Event(blocking=True)
        done.record(torch.cuda.current_stream(device))
        done.synchronize()
