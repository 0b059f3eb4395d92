"""Liveness reports that a process sends to its watchdog, down a pipe.

A process that is stopped, deadlocked or swapped out can't say so itself: it falls silent. One that lives but
does not get on reports what troubles it. Both are for the watchdog to kill. It imports the standard library
alone.
"""

import os
import select
import threading
import time
from collections.abc import Callable

INTERVAL_S = 1.0
START_TIMEOUT_S = 300
"""How long a process may import and prepare before its first report."""
TROUBLE_TIMEOUT_S = 5
"""How long a trouble must last: a machine that was suspended resumes with all deadlines behind it."""
PIPE_READ_BYTES = 65536
EXIT_POLL_S = 0.05
"""Between looks at a process that has closed the pipe, as it does when it exits."""


class Pulse:
    """The watched process's side: a thread that reports every second.

    descriptor    the pipe's writing end, as the watchdog's command line names it
    valid_for_s   how long the watchdog is to trust each report
    find_trouble  says in a sentence why the process should be killed, if it should
    """

    def __init__(
        self, descriptor: int, valid_for_s: float, find_trouble: Callable[[], str | None] = lambda: None
    ) -> None:
        os.set_inheritable(descriptor, False)
        self._descriptor = descriptor
        self._valid_for_s = valid_for_s
        self._find_trouble = find_trouble
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        while True:
            trouble = " ".join((self._find_trouble() or "").split())
            try:
                os.write(self._descriptor, f"{self._valid_for_s!r} {trouble}\n".encode())
            except BrokenPipeError:
                return  # the watchdog is gone
            time.sleep(INTERVAL_S)


class PulseMonitor:
    """The watchdog's side: makes the pipe for one process, and judges by what comes.

    descriptor  what that process inherits: `pass_fds` of Popen. Call `begin` once it has been started.
    """

    def __init__(self) -> None:
        self._reader, self.descriptor = os.pipe()
        os.set_blocking(self._reader, False)
        self._unread = b""
        self._is_closed = False
        self._began_s = time.monotonic()
        self._heard_s: float | None = None
        self._valid_for_s = 0.0
        self._trouble = ""
        self._troubled_since_s = 0.0

    def begin(self) -> None:
        """Leave the pipe's other end to the process alone, so that it closes when the process exits."""
        os.close(self.descriptor)
        self._began_s = time.monotonic()

    def close(self) -> None:
        os.close(self._reader)

    @property
    def was_heard(self) -> bool:
        """Whether the process has come as far as its first report."""
        return self._heard_s is not None

    def wait(self, timeout_s: float) -> None:
        """Return at the next report, at the process's exit, or after `timeout_s`."""
        if self._is_closed:
            time.sleep(min(timeout_s, EXIT_POLL_S))
        else:
            select.select([self._reader], [], [], timeout_s)

    def find_fault(self) -> str | None:
        """Why the process should be killed, in a sentence; None while it is well."""
        self._read_reports()
        now = time.monotonic()
        if self._heard_s is None:
            is_late = now - self._began_s > START_TIMEOUT_S
            return f"it has not come to work within {START_TIMEOUT_S} s" if is_late else None
        silent_s = now - self._heard_s
        if silent_s > self._valid_for_s:
            return f"no sign of life for {silent_s:.0f} s"
        if self._trouble and now - self._troubled_since_s > TROUBLE_TIMEOUT_S:
            return self._trouble
        return None

    def _read_reports(self) -> None:
        """All that there are: the watchdog, too, may have been stopped meanwhile."""
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
                self._take_report(line.decode(errors="replace"))

    def _take_report(self, line: str) -> None:
        valid_for_s, _, trouble = line.partition(" ")
        self._heard_s = time.monotonic()
        self._valid_for_s = float(valid_for_s)
        if trouble and not self._trouble:
            self._troubled_since_s = self._heard_s
        self._trouble = trouble
