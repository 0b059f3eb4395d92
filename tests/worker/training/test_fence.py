import subprocess
import sys
import time

import pytest

from tests.waiting import PATIENCE_S
from worker.training.fence import FENCED_EXIT_STATUS

GUARDED = (
    "import signal; from worker.training.fence import start_fence; "
    "start_fence(0, lambda line: print(line, flush=True)); print('on', flush=True); signal.pause()"
)


SOON_S = 2
"""Not so soon that a slow machine would let it pass before the next deadline has come."""


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
    extend(guarded, SOON_S)
    extend(guarded, 60)
    with pytest.raises(subprocess.TimeoutExpired):
        guarded.wait(SOON_S + 0.5)
    guarded.kill()
    guarded.wait()


def test_what_is_no_deadline_is_a_request_and_moves_no_deadline(guarded: subprocess.Popen[bytes]) -> None:
    assert guarded.stdin is not None
    assert guarded.stdout is not None
    extend(guarded, 60)
    guarded.stdin.write(b"finish\nnan\n")
    guarded.stdin.flush()
    assert [guarded.stdout.readline() for _ in range(2)] == [b"finish\n", b"nan\n"]
    extend(guarded, 0.2)
    assert guarded.wait(PATIENCE_S) == FENCED_EXIT_STATUS
