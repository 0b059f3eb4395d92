"""One process of the local stack: started, supervised, restarted, stopped."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from client.local.interrupts import held_interrupts
from client.local.probe import Probe
from client.local.services import Service
from client.plain_text import one_line
from jobs.process.pulse import PulseMonitor

TAIL_LINES = 20
POLL_INTERVAL_S = 0.01
# A process that has run for so long has recovered: its earlier crashes are forgotten.
RECOVERED_S = 60
MIN_BACKOFF_S, MAX_BACKOFF_S = 1, 60
# In a row.
MANY_CRASHES = 5


class Process:
    """A process with a session of its own, which dies with this process, and writes its output to a log.

    Start it in the main thread: see jobs.process.parent_death.
    raises  OSError if it can't be started
    """

    def __init__(self, service: Service, environment: Mapping[str, str], log: Path) -> None:
        self.service = service
        self.log = log
        self._environment = environment
        self._crashes = 0
        self._restart_at: float | None = None
        self._watch: PulseMonitor | Probe | None = None
        if log.exists():
            log.replace(log.with_suffix(".log.1"))
        self._start()

    def _start(self) -> None:
        command = [sys.executable, "-m", "client.local.parent_death", str(os.getpid()), *self.service.command]
        watch = PulseMonitor() if self.service.has_heartbeat else None
        try:
            with open(os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as log:
                self._popen = subprocess.Popen(
                    [*command, *(["--pulse-fd", str(watch.descriptor)] if watch else [])],
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    pass_fds=[watch.descriptor] if watch else [],
                )
        except OSError:
            if watch is not None:
                watch.begin()
                watch.close()
            raise
        self._started_at = time.monotonic()
        if watch is not None:
            watch.begin()
            self._watch = watch
        elif self.service.responds is not None:
            self._watch = Probe(self.service.responds)

    @property
    def name(self) -> str:
        return self.service.name

    @property
    def pid(self) -> int:
        return self._popen.pid

    def exit_status(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        # A KeyboardInterrupt between two steps of `poll` would leave Popen's lock taken, and whoever waits
        # then waits for ever. `wait` has such steps too, so nothing here calls it.
        with held_interrupts():
            return self._popen.poll()

    @property
    def keeps_crashing(self) -> bool:
        """Whether it has crashed many times in a row. It is restarted all the same, once a minute."""
        return self._crashes >= MANY_CRASHES

    def supervise(self) -> str | None:
        """Restart the process if it has crashed or hangs, with growing backoff; a message, or None."""
        now = time.monotonic()
        if self._restart_at is not None:
            if now < self._restart_at:
                return None
            self._restart_at = None
            try:
                self._start()
            except OSError as error:
                self._started_at = now
                return self._plan_restart(f"{self.name} cannot be started: {error.strerror}")
            return None
        status = self.exit_status()
        if status is not None:
            self.kill()  # what is left of its group
            return self._plan_restart(f"{self.name} {describe_exit(status)}")
        if self._watch is not None and (fault := self._watch.find_fault()):
            self.kill()
            return self._plan_restart(f"{self.name} hung and was killed ({fault})")
        return self._recover() if now - self._started_at > RECOVERED_S else None

    def _plan_restart(self, event: str) -> str | None:
        """The message about this crash, of the first in a row with what the process has said of it; none any
        more once it keeps crashing."""
        self._close_watch()
        now = time.monotonic()
        self._crashes = 1 if now - self._started_at > RECOVERED_S else self._crashes + 1
        backoff_s = min(MIN_BACKOFF_S * 2 ** (self._crashes - 1), MAX_BACKOFF_S)
        self._restart_at = now + backoff_s
        if self._crashes == 1 and (tail := self.tail()):
            return f"{event}; it starts again in {backoff_s} s. The end of {one_line(self.log)}:\n{tail}"
        if self._crashes < MANY_CRASHES:
            return f"{event}; it starts again in {backoff_s} s (log: {one_line(self.log)})"
        if self._crashes == MANY_CRASHES:
            return (
                f"{event}, {self._crashes} times in a row; from now on it is tried again every "
                f"{MAX_BACKOFF_S} s at most. The end of {one_line(self.log)}:\n{self.tail()}"
            )
        return None

    def _recover(self) -> str | None:
        kept_crashing, self._crashes = self.keeps_crashing, 0
        return f"{self.name} runs again" if kept_crashing else None

    def _close_watch(self) -> None:
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    def terminate(self) -> None:
        self._restart_at = None
        if self.exit_status() is None:
            with held_interrupts():
                self._popen.terminate()

    def wait_or_kill(self, grace_s: float) -> bool:
        """Wait for its end for `grace_s`, then kill what is left of its group; whether it ended by itself."""
        until = time.monotonic() + grace_s
        try:
            while self.exit_status() is None:
                if time.monotonic() >= until:
                    return False
                time.sleep(POLL_INTERVAL_S)
            return True
        finally:
            self.kill()

    def kill(self) -> None:
        """Kill its whole process group, even if the leader has ended."""
        self._close_watch()
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        while self.exit_status() is None:
            time.sleep(POLL_INTERVAL_S)

    def tail(self) -> str:
        """The last lines of the log."""
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-TAIL_LINES:])


def describe_exit(status: int) -> str:
    if status >= 0:
        return f"ended with exit status {status}"
    return f"was killed by signal {-status} ({signal.strsignal(-status)})"
