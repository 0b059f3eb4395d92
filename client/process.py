"""One process of the local stack: started, watched, restarted, stopped."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

TAIL_LINES = 20
# A process that lived this long has recovered: its earlier deaths are forgotten.
RECOVERED_S = 60
FIRST_BACKOFF_S = 1
MAX_DEATHS = 5


@dataclass(frozen=True)
class Service:
    """What to run: a name for logs and messages, a command, and the time it needs to stop by itself."""

    name: str
    command: tuple[str, ...]
    stop_grace_s: float


class Process:
    """A running service in a session of its own, tied to the life of this process, its output in a log.

    It must be started from the main thread: see jobs.tether.
    """

    def __init__(self, service: Service, environment: Mapping[str, str], log: Path) -> None:
        self.service = service
        self.log = log
        self.given_up = False
        self._environment = environment
        self._deaths = 0
        self._restart_at: float | None = None
        if log.exists():
            log.replace(log.with_suffix(".log.1"))
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "client.tethered", str(os.getpid()), *self.service.command]
        with open(os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as log:
            self._popen = subprocess.Popen(
                command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started_at = time.monotonic()

    @property
    def name(self) -> str:
        return self.service.name

    @property
    def pid(self) -> int:
        return self._popen.pid

    def exit_status(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return self._popen.poll()

    def tend(self) -> str | None:
        """Restart the process if it died, later each time; what there is to say about it, or None.

        After MAX_DEATHS in a row `given_up` is set, and it stays dead.
        """
        status = self.exit_status()
        if status is None or self.given_up:
            return None
        now = time.monotonic()
        if self._restart_at is not None:
            if now >= self._restart_at:
                self._restart_at = None
                self.start()
            return None
        self.kill()  # what it left of its group
        self._deaths = 1 if now - self._started_at > RECOVERED_S else self._deaths + 1
        ended = f"{self.name} {describe_exit(status)}"
        if self._deaths >= MAX_DEATHS:
            self.given_up = True
            return f"{ended}, {self._deaths} times in a row: given up. The end of {self.log}:\n{self.tail()}"
        backoff_s = FIRST_BACKOFF_S * 2 ** (self._deaths - 1)
        self._restart_at = now + backoff_s
        return f"{ended}; it starts again in {backoff_s} s (log: {self.log})"

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
