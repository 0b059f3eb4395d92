"""Signs of life that a process sends to the one that watches it, down a pipe.

A process that is stopped, deadlocked or swapped out can't say so itself: it falls silent. One that lives but
does not get on says what troubles it. Both are for the watcher to end. It imports the standard library alone.
"""

import os
import select
import threading
import time
from collections.abc import Callable

BEAT_S = 1.0
START_LIMIT_S = 300
"""How long a process may import and prepare things before its first sign of life."""
TROUBLE_LIMIT_S = 5
"""How long a trouble must last: a machine that was stopped goes on with all deadlines behind it."""
PIPE_READ_BYTES = 65536
ENDING_S = 0.05
"""Between looks at a process that has closed the pipe, as it does when it ends."""


class Pulse:
    """The end of the process that is watched: a thread that says every second how it is.

    descriptor    the pipe's writing end, as the watcher's command line names it
    good_for_s    how long the watcher is to take each sign for good
    find_trouble  says in a sentence why the process should be ended, if it should
    """

    def __init__(
        self, descriptor: int, good_for_s: float, find_trouble: Callable[[], str | None] = lambda: None
    ) -> None:
        os.set_inheritable(descriptor, False)
        self._descriptor = descriptor
        self._good_for_s = good_for_s
        self._find_trouble = find_trouble
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        while True:
            words = " ".join((self._find_trouble() or "").split())
            try:
                os.write(self._descriptor, f"{self._good_for_s!r} {words}\n".encode())
            except BrokenPipeError:
                return  # nobody watches any more
            time.sleep(BEAT_S)


class Watch:
    """The watcher's end: makes the pipe for one process, and judges what comes.

    descriptor  what that process inherits: `pass_fds` of Popen. Call `begin` once it has been started.
    """

    def __init__(self) -> None:
        self._reader, self.descriptor = os.pipe()
        os.set_blocking(self._reader, False)
        self._unread = b""
        self._is_closed = False
        self._began_s = time.monotonic()
        self._heard_s: float | None = None
        self._good_for_s = 0.0
        self._trouble = ""
        self._troubled_since_s = 0.0

    def begin(self) -> None:
        """From now on the process has the pipe's other end to itself, so that it closes when that ends."""
        os.close(self.descriptor)
        self._began_s = time.monotonic()

    def close(self) -> None:
        os.close(self._reader)

    @property
    def was_heard(self) -> bool:
        """Whether the process has come as far as giving signs of life."""
        return self._heard_s is not None

    def wait(self, timeout_s: float) -> None:
        """Return at the next sign of life, or at the end of the process, or when the time is over."""
        if self._is_closed:
            time.sleep(min(timeout_s, ENDING_S))
        else:
            select.select([self._reader], [], [], timeout_s)

    def find_fault(self) -> str | None:
        """Why the process should be ended, in a sentence; None while it is well."""
        self._listen()
        now = time.monotonic()
        if self._heard_s is None:
            is_late = now - self._began_s > START_LIMIT_S
            return f"it has not come to work within {START_LIMIT_S} s" if is_late else None
        silent_s = now - self._heard_s
        if silent_s > self._good_for_s:
            return f"no sign of life for {silent_s:.0f} s"
        if self._trouble and now - self._troubled_since_s > TROUBLE_LIMIT_S:
            return self._trouble
        return None

    def _listen(self) -> None:
        """Take in what was said, all of it: the watcher, too, may have been stopped meanwhile."""
        while True:
            try:
                received = os.read(self._reader, PIPE_READ_BYTES)
            except BlockingIOError:
                return
            if not received:
                self._is_closed = True
                return
            *lines, self._unread = (self._unread + received).split(b"\n")
            for line in lines:
                self._take(line.decode(errors="replace"))

    def _take(self, line: str) -> None:
        good_for_s, _, trouble = line.partition(" ")
        self._heard_s = time.monotonic()
        self._good_for_s = float(good_for_s)
        if trouble and not self._trouble:
            self._troubled_since_s = self._heard_s
        self._trouble = trouble
