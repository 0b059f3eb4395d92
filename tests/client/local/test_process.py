import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.local.interrupts import stop_signals
from client.local.process import Process
from client.local.services import Service
from tests.waiting import wait_until


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    service = Service("sleeper", (sys.executable, "-c", "import time; time.sleep(600)"), stop_grace_s=5)
    started = Process(service, os.environ, tmp_path / "sleeper.log")
    yield started
    started.kill()


class InterruptedLock:
    """A lock during whose taking a signal comes, so that what its handler raises finds it taken."""

    def __init__(self, lock: threading.Lock) -> None:
        self._lock = lock

    def acquire(self, *arguments: bool) -> bool:
        taken = self._lock.acquire(*arguments)
        os.kill(os.getpid(), signal.SIGTERM)
        return taken

    def release(self) -> None:
        self._lock.release()


def test_an_interrupt_at_the_worst_moment_keeps_nobody_from_seeing_the_end_of_a_process(
    process: Process,
) -> None:
    popen = process._popen
    lock = popen._waitpid_lock  # type: ignore[attr-defined]
    popen._waitpid_lock = InterruptedLock(lock)  # type: ignore[attr-defined]
    with stop_signals(), pytest.raises(KeyboardInterrupt):
        process.exit_status()
    popen._waitpid_lock = lock  # type: ignore[attr-defined]
    os.killpg(process.pid, signal.SIGKILL)
    wait_until(lambda: process.exit_status() == -signal.SIGKILL, "its end was seen")


def test_interrupts_come_again_after_one_was_held(process: Process) -> None:
    with stop_signals():
        process.exit_status()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)


def test_a_process_that_does_not_stop_in_time_is_killed_and_that_is_told(process: Process) -> None:
    assert not process.wait_or_kill(0)
    assert process.exit_status() == -signal.SIGKILL


def test_one_that_stops_in_time_is_told_apart(process: Process) -> None:
    process.terminate()
    assert process.wait_or_kill(60)
