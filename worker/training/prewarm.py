"""`python -m worker.training.prewarm PARENT_PID`: a prewarmed trainer, which has no job yet.

It imports what every trainer imports, which takes longer than the rest of a start, reports that it is ready,
and waits on its stdin for a line `JOB_ID ATTEMPT`. From then on it is that job's trainer, down to its command
line.
"""

import os
import sys
from importlib import import_module

from jobs.process.parent_death import die_with_parent
from worker.training.launch import READY
from worker.training.trainer import run_trainer


def main() -> None:
    parent_pid = int(sys.argv[1])
    die_with_parent(parent_pid)
    # Otherwise a new title would overwrite the environment that /proc shows.
    os.environ["SPT_NOENV"] = "1"
    import_everything()

    from setproctitle import setproctitle

    python = f"{sys.executable} -m"
    # The title comes last: whoever sees `ready` in the list of processes can hand it a job.
    os.write(sys.stdout.fileno(), READY)
    setproctitle(f"{python} worker.training.prewarm {parent_pid} ready")
    line = read_line(sys.stdin.fileno())
    if not line:
        return  # the worker has no use for it any more
    job_id, attempt = line.split()
    setproctitle(f"{python} worker.trainer {job_id} {attempt} {parent_pid}")
    os.write(sys.stdout.fileno(), b"\n")
    run_trainer(job_id, int(attempt))


def import_everything() -> None:
    """Load modules and tables, but set and draw nothing: a job must not be able to tell the difference."""
    for name in ("model.training", "worker.training.recorder", "worker.training.resumption"):
        import_module(name)

    from model.tokenizers import TOKENIZERS, load_tokenizer

    for name in TOKENIZERS:
        load_tokenizer(name)


def read_line(descriptor: int) -> str:
    """The next line, and not a byte of what follows it; "" when the other end closes."""
    line = b""
    while (byte := os.read(descriptor, 1)) not in (b"", b"\n"):
        line += byte
    return line.decode() if byte else ""


if __name__ == "__main__":
    main()
