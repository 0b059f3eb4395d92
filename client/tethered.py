"""Runs a command that dies when its parent does: `python -m client.tethered PARENT_PID COMMAND...`.

The kernel's parent-death signal outlives exec, so setting it here, in a process that does nothing else, needs
no `preexec_fn` (which may deadlock when threads run). The signal follows the thread that forked: the parent
must start this from a thread that lives as long as the process. On systems other than Linux there is no such
signal, and the command outlives a parent that is killed without a chance to stop it.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent(parent_pid: int) -> None:
    """Ask the kernel for SIGKILL when the parent dies; OSError if it will not, SystemExit if it is dead."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    if os.getppid() != parent_pid:  # it died before the line above
        raise SystemExit(f"the parent process {parent_pid} is gone")


if __name__ == "__main__":
    if sys.platform == "linux":
        die_with_parent(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
