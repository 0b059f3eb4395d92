"""The first process of a worker, with a stand-in for the worker."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.waiting import PATIENCE_S, wait_until
from tests.worker.processes import parent_of

pytestmark = pytest.mark.slow

WATCH = """
import ctypes
import sys
from worker.watchdog import Watchdog

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h: orphans come to this process, as they do to process 1
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
sys.exit(Watchdog([sys.executable, "-c", sys.argv[1], sys.argv[2]]).run())
"""

WORKER = """
import argparse, os, signal, sys, time
from pathlib import Path
from jobs.process.parent_death import die_with_parent

parser = argparse.ArgumentParser()
parser.add_argument("folder", type=Path)
parser.add_argument("--pulse-fd", type=int)
parser.add_argument("--parent-pid", type=int)
given = parser.parse_args()
die_with_parent(given.parent_pid)

def stop(*_):
    (given.folder / "stopped").touch()
    sys.exit(7)

signal.signal(signal.SIGTERM, stop)
number = len(list(given.folder.glob("pid-*")))
behaviour = (given.folder / "behaviour").read_text().split()[number:][:1]
# That of one that goes on is good for long: on a busy machine the next one may be late.
sign = b"1.5 \\n" if behaviour == ["stops"] else b"600 \\n"
if behaviour != ["unfit"]:
    os.write(given.pulse_fd, sign)
new = given.folder / "new"
new.write_text(str(os.getpid()))
new.replace(given.folder / f"pid-{number}")
if behaviour == ["unfit"]:
    sys.exit(3)
if behaviour == ["dies"]:
    os.kill(os.getpid(), signal.SIGKILL)
if behaviour == ["stops"]:
    os.kill(os.getpid(), signal.SIGSTOP)
if behaviour == ["orphans"] and os.fork() == 0:
    if os.fork() == 0:
        (given.folder / "orphan").write_text(str(os.getpid()))
        while os.getppid() != given.parent_pid:
            time.sleep(0.01)
    os._exit(0)
while True:
    time.sleep(0.5)
    os.write(given.pulse_fd, sign)
"""

Begin = Callable[[str], "Watched"]


class Watched:
    """A watchdog whose workers behave one after the other as `behaviour` says, then well."""

    def __init__(self, folder: Path, behaviour: str) -> None:
        self.folder = folder
        (folder / "behaviour").write_text(behaviour)
        self.process = subprocess.Popen(
            [sys.executable, "-c", WATCH, WORKER, str(folder)], stderr=subprocess.PIPE, text=True
        )

    def worker_pid(self, number: int) -> int:
        """Of the worker of that number, once it has come to work."""
        file = self.folder / f"pid-{number}"
        wait_until(file.exists, f"worker {number} ran")
        return int(file.read_text())

    def end(self) -> tuple[int, str]:
        """Ask it to stop, if it runs yet; its exit status and what it said."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        _, said = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, said


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    begun: list[Watched] = []

    def begin(behaviour: str) -> Watched:
        begun.append(Watched(tmp_path, behaviour))
        return begun[-1]

    yield begin
    for watched in begun:
        watched.process.kill()
        watched.process.communicate()


def is_gone(pid: int) -> bool:
    """Ended, and collected by its parent."""
    return not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [("dies", "the worker was killed by signal 9"), ("stops", "the worker hangs, and is killed: no sign of")],
)
def test_a_worker_that_dies_or_hangs_is_replaced(begin: Begin, behaviour: str, message: str) -> None:
    watched = begin(behaviour)
    first, second = watched.worker_pid(0), watched.worker_pid(1)
    assert is_gone(first)
    assert parent_of(second) == watched.process.pid
    status, said = watched.end()
    assert status == 7
    assert message in said
    assert "another starts in 1 s" in said


def test_a_worker_that_is_well_is_left_alone_and_gets_the_signal_to_stop(begin: Begin) -> None:
    watched = begin("")
    pid = watched.worker_pid(0)
    status, said = watched.end()
    assert (status, said) == (7, "")
    assert (watched.folder / "stopped").exists()
    assert not (watched.folder / "pid-1").exists()
    assert is_gone(pid)


def test_a_worker_that_never_comes_to_work_ends_the_watchdog_with_its_status(begin: Begin) -> None:
    watched = begin("unfit")
    assert watched.process.wait(PATIENCE_S) == 3
    assert not (watched.folder / "pid-1").exists()


def test_a_worker_dies_with_its_watchdog(begin: Begin) -> None:
    watched = begin("")
    pid = watched.worker_pid(0)
    watched.process.kill()
    watched.process.wait()
    wait_until(lambda: is_gone(pid), "the worker was gone")


def test_processes_whose_parent_has_died_are_collected(begin: Begin) -> None:
    watched = begin("orphans")
    watched.worker_pid(0)
    orphan = watched.folder / "orphan"
    wait_until(lambda: orphan.exists() and orphan.read_text(), "there was an orphan")
    wait_until(lambda: is_gone(int(orphan.read_text())), "the orphan was collected")
    assert watched.process.poll() is None


def test_a_stop_while_no_worker_runs_starts_none(begin: Begin) -> None:
    watched = begin("dies dies dies dies dies dies")
    watched.worker_pid(2)
    status, _ = watched.end()
    # If this comes late, the next one has been started, and may end before it minds the signal.
    assert status in (128 + signal.SIGKILL, 7, 128 + signal.SIGTERM)
    pids = sorted(watched.folder.glob("pid-*"))
    assert all(is_gone(int(file.read_text())) for file in pids)


def test_the_first_process_imports_little() -> None:
    heavy = {"torch", "celery", "pydantic", "sqlalchemy", "redis", "numpy"}
    script = f"import sys, worker.watchdog; print(*({heavy!r} & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert ran.stdout.strip() == ""


def test_a_worker_started_by_hand_is_watched_unless_it_is_asked_not_to_be() -> None:
    script = (
        "import sys\nfrom worker import __main__, watchdog\n"
        "watchdog.Watchdog.run = lambda _: 5\n__main__.main()"
    )
    assert subprocess.run([sys.executable, "-c", script, "train"], check=False).returncode == 5
