"""The trainer's own guard against outliving its lease."""

import os
import select
import sys
import threading
import time

FENCED_EXIT_STATUS = 70


def keep_watch(descriptor: int) -> None:
    """Read deadlines from `descriptor` in a thread, and end this process when the last one has passed.

    It ends at once too when the other end closes: then the supervisor is gone. The first deadline may take as
    long as it likes: the supervisor has just claimed the job. The process ends without a word to anybody, in
    mid-write if need be; checkpoints and rows bear that.
    """
    threading.Thread(target=watch, args=(descriptor,), name="fence", daemon=True).start()


def watch(descriptor: int) -> None:
    deadline: float | None = None
    unread = b""
    while True:
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            leave("the lease was not renewed in time")
        readable, _, _ = select.select([descriptor], [], [], left)
        if not readable:
            continue
        received = os.read(descriptor, 4096)
        if not received:
            leave("the supervisor is gone")
        *lines, unread = (unread + received).split(b"\n")
        if lines:
            deadline = float(lines[-1])


def leave(reason: str) -> None:
    print(f"trainer stops: {reason}", file=sys.stderr, flush=True)
    os._exit(FENCED_EXIT_STATUS)
