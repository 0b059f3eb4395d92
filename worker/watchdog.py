"""The first process of a worker: starts the real one, watches it, and starts another when that dies or hangs.

In a container it is process 1: it forwards signals and reaps orphans. It imports no more than it needs, so
that it costs a few megabytes.
"""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from types import FrameType

from jobs.process.pulse import PulseMonitor

log = logging.getLogger(__name__)

FORWARDED_AS = {
    signal.SIGTERM: signal.SIGTERM,
    signal.SIGINT: signal.SIGINT,
    signal.SIGQUIT: signal.SIGQUIT,
    signal.SIGHUP: signal.SIGTERM,  # which has Celery restart itself
}
POLL_S = 1.0
FIRST_BACKOFF_S, MAX_BACKOFF_S = 1.0, 60.0
RECOVERED_S = 60
"""A worker that lived this long has recovered: its successor waits no longer than the first did."""


class Watchdog:
    """Keeps a command running until it is asked to stop.

    command  is started with `--pulse-fd N --parent-pid N` appended, in a session of its own
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._is_stopping = False

    def run(self) -> int:
        """The exit status: the last worker's, once it was asked to stop, or if that one never sent a sign of
        life, which another start would hardly change."""
        for number in FORWARDED_AS:
            signal.signal(number, self._forward)
        backoff_s = FIRST_BACKOFF_S
        while True:
            began_s = time.monotonic()
            status, was_heard = self._run_once()
            if self._is_stopping or not was_heard:
                return status
            if time.monotonic() - began_s > RECOVERED_S:
                backoff_s = FIRST_BACKOFF_S
            warn(f"the worker {describe_exit(status)}; another starts in {backoff_s:g} s")
            self._sleep(backoff_s)
            if self._is_stopping:
                return status
            backoff_s = min(2 * backoff_s, MAX_BACKOFF_S)

    def _run_once(self) -> tuple[int, bool]:
        """A worker's exit status, and whether it ever sent a sign of life."""
        monitor = PulseMonitor()
        arguments = ["--pulse-fd", str(monitor.descriptor), "--parent-pid", str(os.getpid())]
        self._process = process = subprocess.Popen(
            [*self._command, *arguments], pass_fds=[monitor.descriptor], start_new_session=True
        )
        monitor.begin()
        if self._is_stopping:  # asked to before there was a process to forward it to
            os.kill(process.pid, signal.SIGTERM)
        try:
            while (status := reap(process)) is None:
                if fault := monitor.find_fault():
                    warn(f"the worker hangs, and is killed: {fault}")
                    os.killpg(process.pid, signal.SIGKILL)  # it has not been reaped, so the group is there
                    status = process.wait()
                    break
                monitor.wait(POLL_S)
            monitor.find_fault()  # reads its last report
            return status if status >= 0 else 128 - status, monitor.was_heard
        finally:
            monitor.close()

    def _forward(self, number: int, _: FrameType | None) -> None:
        self._is_stopping = True
        if self._process is not None and self._process.returncode is None:
            # Not Popen.send_signal, which reaps a child that has exited: that is for `reap` to do.
            os.kill(self._process.pid, FORWARDED_AS[signal.Signals(number)])

    def _sleep(self, seconds: float) -> None:
        until_s = time.monotonic() + seconds
        while not self._is_stopping and (left_s := until_s - time.monotonic()) > 0:
            time.sleep(min(left_s, 0.1))


def reap(process: subprocess.Popen[bytes]) -> int | None:
    """Wait for every child that has exited, orphans that process 1 inherits included; returns the exit status
    of `process`, None while it runs."""
    if hasattr(os, "waitid"):  # not on a Mac, where this is never process 1
        while exited := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if exited.si_pid == process.pid:
                break
            os.waitpid(exited.si_pid, 0)
    return process.poll()


def describe_exit(status: int) -> str:
    if status > 128:
        return f"was killed by signal {status - 128} ({signal.strsignal(status - 128)})"
    return f"ended with exit status {status}"


def warn(message: str) -> None:
    """Log it as the worker would. What that takes is imported only once there is something to log."""
    from jobs.process.logs import configure_logging
    from jobs.settings import load_settings

    configure_logging(load_settings())
    log.warning(message)


def run_watched(queue: str) -> int:
    return Watchdog([sys.executable, "-m", "worker", queue]).run()
