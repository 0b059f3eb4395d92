"""One process of the local stack: started, watched, restarted, stopped."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from client.display.plain_text import one_line
from client.local.probe import Probe
from jobs.process.pulse import Watch

TAIL_LINES = 20
# A process that lived this long has recovered: its earlier deaths are forgotten.
RECOVERED_S = 60
FIRST_BACKOFF_S, LONGEST_BACKOFF_S = 1, 60
MANY_DEATHS = 5


@dataclass(frozen=True)
class Service:
    """What to run: a name for logs and messages, a command, and the time it needs to stop by itself.

    pulses   whether it takes `--pulse-fd N` and gives signs of life there
    answers  for one that does not: asks whether it answers, see Probe
    """

    name: str
    command: tuple[str, ...]
    stop_grace_s: float
    pulses: bool = False
    answers: Callable[[], bool] | None = None


class Process:
    """A running service in a session of its own, tied to the life of this process, its output in a log.

    It must be started from the main thread: see jobs.process.parent_death.
    raises  OSError if it can't be started
    """

    def __init__(self, service: Service, environment: Mapping[str, str], log: Path) -> None:
        self.service = service
        self.log = log
        self._environment = environment
        self._deaths = 0
        self._restart_at: float | None = None
        self._watch: Watch | Probe | None = None
        if log.exists():
            log.replace(log.with_suffix(".log.1"))
        self._start()

    def _start(self) -> None:
        command = [sys.executable, "-m", "client.local.tethered", str(os.getpid()), *self.service.command]
        watch = Watch() if self.service.pulses else None
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
        elif self.service.answers is not None:
            self._watch = Probe(self.service.answers)

    @property
    def name(self) -> str:
        return self.service.name

    @property
    def pid(self) -> int:
        return self._popen.pid

    def exit_status(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return self._popen.poll()

    @property
    def keeps_dying(self) -> bool:
        """Whether it has died many times in a row. It is started again all the same, once a minute."""
        return self._deaths >= MANY_DEATHS

    def tend(self) -> str | None:
        """Restart the process if it has died or hangs, later each time; what is to be said, or None."""
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
            self.kill()  # what it left of its group
            return self._plan_restart(f"{self.name} {describe_exit(status)}")
        if self._watch is not None and (fault := self._watch.find_fault()):
            self.kill()
            return self._plan_restart(f"{self.name} hung and was killed ({fault})")
        return self._recover() if now - self._started_at > RECOVERED_S else None

    def _plan_restart(self, ended: str) -> str | None:
        """What to say of this end. Once it keeps dying, that has been said."""
        self._close_watch()
        now = time.monotonic()
        self._deaths = 1 if now - self._started_at > RECOVERED_S else self._deaths + 1
        backoff_s = min(FIRST_BACKOFF_S * 2 ** (self._deaths - 1), LONGEST_BACKOFF_S)
        self._restart_at = now + backoff_s
        if self._deaths < MANY_DEATHS:
            return f"{ended}; it starts again in {backoff_s} s (log: {one_line(self.log)})"
        if self._deaths == MANY_DEATHS:
            return (
                f"{ended}, {self._deaths} times in a row; from now on it is tried again every "
                f"{LONGEST_BACKOFF_S} s at most. The end of {one_line(self.log)}:\n{self.tail()}"
            )
        return None

    def _recover(self) -> str | None:
        kept_dying, self._deaths = self.keeps_dying, 0
        return f"{self.name} runs again" if kept_dying else None

    def _close_watch(self) -> None:
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    def ask_to_stop(self) -> None:
        self._restart_at = None
        if self.exit_status() is None:
            self._popen.terminate()

    def end(self, grace_s: float) -> bool:
        """Wait for its end, at most `grace_s`, then kill the whole group; whether it ended by itself."""
        try:
            self._popen.wait(max(grace_s, 0))
        except subprocess.TimeoutExpired:
            return False
        finally:
            self.kill()
        return True

    def kill(self) -> None:
        """End the whole process group at once, also what a dead leader left behind."""
        self._close_watch()
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self._popen.wait()

    def tail(self) -> str:
        """The last lines of the log."""
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-TAIL_LINES:])


def describe_exit(status: int) -> str:
    if status >= 0:
        return f"ended with exit status {status}"
    return f"was killed by signal {-status} ({signal.strsignal(-status)})"
