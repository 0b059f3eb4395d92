"""Whether a trainer ran out of memory (OOM): by an error of its own, or killed by the kernel."""

import errno
import os
from pathlib import Path

COUNTERS = (Path("/sys/fs/cgroup/memory.events"), Path("/proc/vmstat"))
"""The kernel's, of this control group and of the machine."""


def find_oom_error(error: BaseException | None) -> BaseException | None:
    """The OOM error in the exception chain, or None. It is not the last one where GPU memory ends while a
    CUDA graph is captured."""
    while error is not None and not is_oom_error(error):
        error = error.__cause__ or error.__context__
    return error


def is_oom_error(error: BaseException) -> bool:
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
    return sum(parse_oom_kills(path.read_text()) for path in COUNTERS if path.exists())


def parse_oom_kills(counters: str) -> int:
    """The `oom_kill` among lines of a name and a number."""
    for line in counters.splitlines():
        name, _, number = line.partition(" ")
        if name == "oom_kill":
            return int(number)
    return 0
