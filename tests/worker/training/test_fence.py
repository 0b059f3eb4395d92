import subprocess
import sys
import time

import pytest

from tests.waiting import PATIENCE_S
from worker.training.fence import FENCED_EXIT_STATUS

GUARDED = """
import signal, time
from types import SimpleNamespace
from worker.training import fence

passed_s = 0.0

def note(line):
    global passed_s
    passed_s += float(line.partition("let pass ")[2] or 0)
    print(line, flush=True)

fence.time = SimpleNamespace(monotonic=lambda: time.monotonic() + passed_s)
fence.start_fence(0, note)
print("on", flush=True)
signal.pause()
"""
"""Repeats requests. One of them moves its clock."""


@pytest.fixture
def guarded() -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", GUARDED], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"on\n"
    return process


def extend(process: subprocess.Popen[bytes], seconds: float) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{time.monotonic() + seconds}\n".encode())
    process.stdin.flush()


def ask(process: subprocess.Popen[bytes], request: str) -> None:
    """Wait until it has heard of it, and of all that came before."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{request}\n".encode())
    process.stdin.flush()
    assert process.stdout.readline() == f"{request}\n".encode()


def test_it_ends_when_the_deadline_passes_without_another(guarded: subprocess.Popen[bytes]) -> None:
    extend(guarded, 0.2)
    assert guarded.wait(PATIENCE_S) == FENCED_EXIT_STATUS


def test_it_ends_at_once_on_a_deadline_that_has_passed(guarded: subprocess.Popen[bytes]) -> None:
    extend(guarded, 60)
    extend(guarded, -1)
    assert guarded.wait(PATIENCE_S) == FENCED_EXIT_STATUS


def test_it_ends_when_the_supervisor_closes_the_pipe(guarded: subprocess.Popen[bytes]) -> None:
    extend(guarded, 60)
    assert guarded.stdin is not None
    guarded.stdin.close()
    assert guarded.wait(PATIENCE_S) == FENCED_EXIT_STATUS


def test_a_later_deadline_keeps_it_running(guarded: subprocess.Popen[bytes]) -> None:
    extend(guarded, 1000)
    ask(guarded, "is it known?")
    extend(guarded, 3000)
    ask(guarded, "let pass 2000")
    ask(guarded, "does it run?")
    assert guarded.stdin is not None
    guarded.stdin.write(b"let pass 2000\n")
    guarded.stdin.flush()
    assert guarded.wait(PATIENCE_S) == FENCED_EXIT_STATUS


def test_what_is_no_deadline_is_a_request_and_moves_no_deadline(guarded: subprocess.Popen[bytes]) -> None:
    assert guarded.stdin is not None
    assert guarded.stdout is not None
    extend(guarded, 60)
    guarded.stdin.write(b"finish\nnan\n")
    guarded.stdin.flush()
    assert [guarded.stdout.readline() for _ in range(2)] == [b"finish\n", b"nan\n"]
    extend(guarded, 0.2)
    assert guarded.wait(PATIENCE_S) == FENCED_EXIT_STATUS
