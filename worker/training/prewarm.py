"""`python -m worker.training.prewarm PARENT_PID`: a trainer that has no job yet.

It imports what every trainer imports, which takes longer than the rest of a start, says so, and waits on its
stdin for a line `JOB_ID ATTEMPT`. From then on it is that job's trainer, down to its command line.
"""

import os
import sys
from importlib import import_module

from jobs.process.parent_death import die_with_parent
from worker.training.launch import READY
from worker.training.trainer import attempt_job


def main() -> None:
    parent_pid = int(sys.argv[1])
    die_with_parent(parent_pid)
    # A new title would otherwise overwrite what /proc tells of the environment.
    os.environ["SPT_NOENV"] = "1"
    import_everything()

    from setproctitle import setproctitle

    python = f"{sys.executable} -m"
    setproctitle(f"{python} worker.training.prewarm {parent_pid} ready")
    os.write(sys.stdout.fileno(), READY)
    order = read_line(sys.stdin.fileno())
    if not order:
        return  # the worker has no use for it any more
    job_id, attempt = order.split()
    setproctitle(f"{python} worker.trainer {job_id} {attempt} {parent_pid}")
    os.write(sys.stdout.fileno(), b"\n")
    attempt_job(job_id, int(attempt))


def import_everything() -> None:
    """Load modules and tables, but set and draw nothing: a job must not see that it was expected."""
    for name in ("model.training", "worker.training.recorder"):
        import_module(name)

    from model.tokenizers import TOKENIZERS, load_tokenizer

    for name in TOKENIZERS:
        load_tokenizer(name)


def read_line(descriptor: int) -> str:
    """The next line, and not a byte of what follows it; what there is of it when the other end closes."""
    line = b""
    while (byte := os.read(descriptor, 1)) not in (b"", b"\n"):
        line += byte
    return line.decode() if byte else ""


if __name__ == "__main__":
    main()
