"""Starting trainers: a fresh process for a job, or the prewarmed one that has imported PyTorch already."""

import logging
import os
import select
import subprocess
import sys
import threading

from jobs.store.tables import Job
from worker.threads import SHORT_SPINS, WATCHED_SPINS, with_spin_settings
from worker.training.allocator import with_allocator_settings
from worker.training.contention import waited_for_processor_s

log = logging.getLogger(__name__)

HANDOVER_TIMEOUT_S = 0.5
READY = b"ready\n"
TITLE_ROOM = "." * 80
"""A process's title takes the place of its command line, and is cut off where that ends."""


def launch(module: str, *args: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a module of ours with a pipe each for deadlines, reports and log, in a session of its own.

    It must be started from a thread that lives as long as this process: see jobs.process.parent_death.
    """
    return subprocess.Popen(
        [sys.executable, "-m", module, *args],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        bufsize=0,
    )


def trainer_environment() -> dict[str, str]:
    spins = SHORT_SPINS if waited_for_processor_s() is None else WATCHED_SPINS
    return with_spin_settings(with_allocator_settings(os.environ), spins)


def launch_trainer(job: Job) -> subprocess.Popen[bytes]:
    args = (job.id, str(job.attempt), str(os.getpid()))
    return launch("worker.trainer", *args, environment=trainer_environment())


class PrewarmedTrainer:
    """At most one process that waits for a job, started before there is one. It trains one and exits, like
    any other.

    Start it from a thread that lives as long as this process. `close` may come from a signal handler.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # reentrant: the handler may interrupt a start in the same thread
        self._process: subprocess.Popen[bytes] | None = None
        self._environment: dict[str, str] = {}
        self._closed = False

    def start(self) -> None:
        """Start it in the background, unless it has been. If it dies, that is seen when it is taken."""
        with self._lock:
            if self._process is not None or self._closed:
                return
            self._environment = trainer_environment()
            args = (str(os.getpid()), TITLE_ROOM)
            self._process = launch("worker.training.prewarm", *args, environment=self._environment)
            if self._closed:
                self.close()

    def take(self, job: Job) -> subprocess.Popen[bytes] | None:
        """The process, as the job's trainer; None if there is none that can begin at once."""
        process = self._release()
        if process is None:
            return None
        if self._environment == trainer_environment() and hand_over(process, job):
            return process
        log.info("the prewarmed trainer is not ready, or its environment is not that of job %s", job.id)
        kill(process)
        return None

    def close(self) -> None:
        """Kill it, and start no other."""
        self._closed = True
        if process := self._release():
            kill(process)

    def _release(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            process, self._process = self._process, None
            return process


def hand_over(process: subprocess.Popen[bytes], job: Job) -> bool:
    """Whether it was ready, and has taken the job."""
    assert process.stdin is not None
    if not reads_line(process, READY, timeout_s=0):
        return False
    try:
        process.stdin.write(f"{job.id} {job.attempt}\n".encode())
    except BrokenPipeError:
        return False
    return reads_line(process, b"\n", timeout_s=HANDOVER_TIMEOUT_S)


def reads_line(process: subprocess.Popen[bytes], line: bytes, timeout_s: float) -> bool:
    """Whether this line is the next on its stdout, and comes in time."""
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], timeout_s)
    return bool(readable) and process.stdout.read(len(line)) == line


def kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        assert pipe is not None
        pipe.close()
