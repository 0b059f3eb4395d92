"""Runs a command that dies when its parent does: `python -m client.local.tethered PARENT_PID COMMAND...`.

The kernel's parent-death signal outlives exec, so setting it here, in a process that does nothing else, needs
no `preexec_fn` (which may deadlock when threads run).
"""

import os
import sys

from jobs.process.parent_death import die_with_parent

if __name__ == "__main__":
    die_with_parent(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
