"""Whether a trainer ended for want of memory: by an error of its own, or killed by the kernel."""

import errno
import os
from pathlib import Path

COUNTERS = (Path("/sys/fs/cgroup/memory.events"), Path("/proc/vmstat"))
"""The kernel's, of this control group and of the machine."""


def found_out_of_memory(error: BaseException | None) -> BaseException | None:
    """The error that tells of memory that there was not, among `error` and those while which it was raised:
    where the GPU's ends while a CUDA graph is recorded, another one follows it."""
    while error is not None and not is_out_of_memory(error):
        error = error.__cause__ or error.__context__
    return error


def is_out_of_memory(error: BaseException) -> bool:
    """PyTorch's CPU allocator raises a bare RuntimeError, the CUDA one a class of its own; native code that
    maps a file quotes the system."""
    import torch

    return (
        isinstance(error, MemoryError | torch.cuda.OutOfMemoryError)
        or os.strerror(errno.ENOMEM) in str(error)
        or "DefaultCPUAllocator: can't allocate memory" in str(error)
        or "DefaultCPUAllocator: not enough memory" in str(error)
    )


def kernel_oom_kills() -> int:
    """Kills so far, 0 where the system does not tell. Only a rise means anything."""
    return sum(oom_kills_in(path.read_text()) for path in COUNTERS if path.exists())


def oom_kills_in(counters: str) -> int:
    """The `oom_kill` among lines of a name and a number."""
    for line in counters.splitlines():
        name, _, number = line.partition(" ")
        if name == "oom_kill":
            return int(number)
    return 0
