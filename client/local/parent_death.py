"""Runs a command that dies with its parent: `python -m client.local.parent_death PARENT_PID COMMAND...`.

The kernel keeps the parent-death signal across exec, so it can be set here, in a process that does nothing
else, and not in a `preexec_fn`, which may deadlock in a process with threads.
"""

import os
import sys

from jobs.process.parent_death import die_with_parent

if __name__ == "__main__":
    die_with_parent(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
