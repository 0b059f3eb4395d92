"""The trainer's own guard against outliving its lease."""

import math
import os
import select
import sys
import threading
import time
from collections.abc import Callable

FENCED_EXIT_STATUS = 70


def start_fence(descriptor: int, on_request: Callable[[str], object]) -> None:
    """Read deadlines from `descriptor` in a thread, and end this process when the last one has passed. Any
    other line is a request, which is handed on.

    It ends at once too when the other end closes: then the supervisor is gone. The first deadline is in the
    pipe before the process reads it. The process ends without cleaning up, in mid-write if need be;
    checkpoints and rows can take that.
    """
    args = (descriptor, on_request)
    threading.Thread(target=enforce_deadlines, args=args, name="fence", daemon=True).start()


def enforce_deadlines(descriptor: int, on_request: Callable[[str], object]) -> None:
    deadline_s: float | None = None
    unread = b""
    while True:
        left_s = None if deadline_s is None else deadline_s - time.monotonic()
        if left_s is not None and left_s <= 0:
            exit_fenced("the lease was not renewed in time")
        readable, _, _ = select.select([descriptor], [], [], left_s)
        if not readable:
            continue
        received = os.read(descriptor, 4096)
        if not received:
            exit_fenced("the supervisor is gone")
        *lines, unread = (unread + received).split(b"\n")
        for line in map(bytes.decode, lines):
            moment_s = read_deadline(line)
            if moment_s is None:
                on_request(line)
            else:
                deadline_s = moment_s


def read_deadline(line: str) -> float | None:
    """The deadline that a line says; None if it says something else."""
    try:
        deadline_s = float(line)
    except ValueError:
        return None
    return deadline_s if math.isfinite(deadline_s) else None


def exit_fenced(reason: str) -> None:
    print(f"trainer stops: {reason}", file=sys.stderr, flush=True)
    os._exit(FENCED_EXIT_STATUS)
