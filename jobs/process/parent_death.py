"""A process that the kernel kills when its parent dies."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent(parent_pid: int) -> None:
    """Have the kernel send this process SIGKILL when its parent dies.

    raises  OSError if the kernel refuses, SystemExit if the parent is dead already

    The signal follows the thread that forked, so the parent must start the child from a thread that lives as
    long as the process. Only Linux has such a signal; elsewhere this changes nothing.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    if os.getppid() != parent_pid:  # it died before prctl was called
        raise SystemExit(f"the parent process {parent_pid} is gone")
