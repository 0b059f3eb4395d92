"""The first process of a worker: starts the real one, watches it, and starts another when that dies or hangs.

In a container it is process 1: it passes signals on and collects what nobody else does. It imports no more
than it needs, so that it costs a few megabytes.
"""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from types import FrameType

from jobs.process.pulse import Watch

log = logging.getLogger(__name__)

PASSED_ON = {
    signal.SIGTERM: signal.SIGTERM,
    signal.SIGINT: signal.SIGINT,
    signal.SIGQUIT: signal.SIGQUIT,
    signal.SIGHUP: signal.SIGTERM,  # Celery would start itself anew
}
LOOK_S = 1.0
FIRST_BACKOFF_S, LONGEST_BACKOFF_S = 1.0, 60.0
RECOVERED_S = 60
"""A worker that lived this long has recovered: its successor does not wait longer than the first did."""


class Watchdog:
    """Keeps a command running until it is asked to stop.

    command  is started with `--pulse-fd N --parent-pid N` appended, in a session of its own
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._is_stopping = False

    def run(self) -> int:
        """The exit status: the last worker's, once it was asked to stop, or if that one never came to work,
        which another start would hardly change."""
        for number in PASSED_ON:
            signal.signal(number, self._pass_on)
        backoff_s = FIRST_BACKOFF_S
        while True:
            began_s = time.monotonic()
            status, was_heard = self._run_once()
            if self._is_stopping or not was_heard:
                return status
            if time.monotonic() - began_s > RECOVERED_S:
                backoff_s = FIRST_BACKOFF_S
            say(f"the worker {describe_exit(status)}; another starts in {backoff_s:g} s")
            self._rest(backoff_s)
            if self._is_stopping:
                return status
            backoff_s = min(2 * backoff_s, LONGEST_BACKOFF_S)

    def _run_once(self) -> tuple[int, bool]:
        """Exit status of a worker, and whether it had come to work."""
        watch = Watch()
        words = ["--pulse-fd", str(watch.descriptor), "--parent-pid", str(os.getpid())]
        self._process = process = subprocess.Popen(
            [*self._command, *words], pass_fds=[watch.descriptor], start_new_session=True
        )
        watch.begin()
        if self._is_stopping:  # asked to before there was anybody to pass it on to
            os.kill(process.pid, signal.SIGTERM)
        try:
            while (status := collect(process)) is None:
                if fault := watch.find_fault():
                    say(f"the worker hangs, and is killed: {fault}")
                    os.killpg(process.pid, signal.SIGKILL)  # it has not been collected, so the group is there
                    status = process.wait()
                    break
                watch.wait(LOOK_S)
            watch.find_fault()  # takes in its last words
            return status if status >= 0 else 128 - status, watch.was_heard
        finally:
            watch.close()

    def _pass_on(self, number: int, _: FrameType | None) -> None:
        self._is_stopping = True
        if self._process is not None and self._process.returncode is None:
            # Not Popen.send_signal, which collects a child that has ended: that is for `collect` to do.
            os.kill(self._process.pid, PASSED_ON[signal.Signals(number)])

    def _rest(self, seconds: float) -> None:
        until_s = time.monotonic() + seconds
        while not self._is_stopping and (left_s := until_s - time.monotonic()) > 0:
            time.sleep(min(left_s, 0.1))


def collect(process: subprocess.Popen[bytes]) -> int | None:
    """Collect every child that has ended, also those that were left to process 1; the exit status of
    `process`, None while it runs."""
    if hasattr(os, "waitid"):  # not on a Mac, where this is never process 1
        while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if ended.si_pid == process.pid:
                break
            os.waitpid(ended.si_pid, 0)
    return process.poll()


def describe_exit(status: int) -> str:
    if status > 128:
        return f"was killed by signal {status - 128} ({signal.strsignal(status - 128)})"
    return f"ended with exit status {status}"


def say(what: str) -> None:
    """Log it as the worker would. What that takes is imported only once there is something to say."""
    from jobs.process.logs import configure_logging
    from jobs.settings import load_settings

    configure_logging(load_settings())
    log.warning(what)


def run_watched(queue: str) -> int:
    return Watchdog([sys.executable, "-m", "worker", queue]).run()
