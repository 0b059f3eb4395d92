"""Runs one attempt at a job: starts its trainer, keeps the lease, obeys requests, records how it ended."""

import logging
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import IO

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from jobs.lifecycle.attempts import Fenced, fail, renew, stop, succeed
from jobs.settings import Settings
from jobs.states import job_error
from jobs.store.database import Database
from jobs.store.tables import Job
from worker.training.fence import FENCED_EXIT_STATUS
from worker.training.launch import Spare, launch_trainer
from worker.training.oom import kernel_oom_kills
from worker.training.reports import TrainerEnd, parse_report

log = logging.getLogger(__name__)

LOG_LINES_KEPT = 50
TICK_S = 0.2
RETRY_S = 0.5
FENCE_SHARE = 2 / 3
"""Of a lease: how long after its last renewal a trainer may run."""

LEASE_LOST = TrainerEnd("stopped", message="the lease could not be renewed in time: no database to do it in")
SHUT_DOWN = TrainerEnd("stopped", message="the worker is shutting down")


class Trainer:
    """A trainer process, what it has said and when."""

    def __init__(self, process: subprocess.Popen[bytes], job_id: str) -> None:
        self.process = process
        self.heard_s = time.monotonic()
        self.end: TrainerEnd | None = None
        self.log_lines: deque[str] = deque(maxlen=LOG_LINES_KEPT)
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self._said_all = threading.Event()
        self._readers = [
            threading.Thread(target=self._read_reports, args=(self.process.stdout,), daemon=True),
            threading.Thread(target=self._read_log, args=(self.process.stderr, job_id), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _read_reports(self, reports: IO[bytes]) -> None:
        # Unbuffered pipes have no readline worth its system calls: a read takes all signs of life at once.
        unread = b""
        try:
            while received := reports.read(65536):
                self.heard_s = time.monotonic()
                *lines, unread = (unread + received).split(b"\n")
                for line in lines:
                    self.end = parse_report(line) or self.end
        finally:
            self._said_all.set()

    def _read_log(self, stream: IO[bytes], job_id: str) -> None:
        unread = b""
        while received := stream.read(65536):
            *lines, unread = (unread + received).split(b"\n")
            for line in lines:
                text = line.decode(errors="replace")
                self.log_lines.append(text)
                log.info("%s %s", job_id, text)

    def extend(self, deadline: float) -> None:
        """Let it run until `deadline`, on the monotonic clock."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(f"{deadline!r}\n".encode())
        except BrokenPipeError:
            log.info("the trainer has ended")  # its exit is seen at the next tick

    def ask_to_stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.process.kill()

    def wait(self, timeout_s: float) -> int | None:
        """Its exit status once everything that it said has been read; None while it runs.

        Its end closes the pipe. Waiting for that first spares the training 50 wakings of this process a
        second: `Popen.wait` asks the kernel again and again.
        """
        if not self._said_all.wait(timeout_s):
            return None
        try:
            status = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None
        for reader in self._readers:
            reader.join()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()
        return status


class Supervisor:
    """Of one attempt. `shutting_down` is set when the worker is asked to end.

    spare  a trainer started ahead, to be taken if it is ready
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        job: Job,
        shutting_down: threading.Event,
        spare: Spare | None = None,
    ) -> None:
        self._database = database
        self._settings = settings
        self._job = job
        self._shutting_down = shutting_down
        self._spare = spare
        self._requested: str | None = None
        self._stop_asked_s: float | None = None
        self._killed_for: TrainerEnd | None = None
        self._overtaken = False

    def run(self) -> None:
        """Return when the attempt has ended and that has been recorded, or when another owns the job."""
        oom_kills_before = kernel_oom_kills()
        # The claim has just given a whole lease.
        renewed_s = time.monotonic()
        next_renewal_s = renewed_s
        trainer = Trainer(self._take_spare() or launch_trainer(self._job), self._job.id)
        while (status := trainer.wait(TICK_S)) is None:
            now = time.monotonic()
            if now >= next_renewal_s:
                if self._renew():
                    renewed_s = now
                    trainer.extend(self._deadline(renewed_s))
                next_renewal_s = now + self._settings.renew_s
            if self._overtaken:
                log.warning("job %s: no longer of attempt %s", self._job.id, self._job.attempt)
                trainer.kill()
            elif time.monotonic() > self._deadline(renewed_s):  # the renewal may have waited long
                log.warning("job %s: %s", self._job.id, LEASE_LOST.message)
                self._killed_for = LEASE_LOST
                trainer.kill()
            elif self._requested is not None or self._shutting_down.is_set():
                self._stop(trainer)
            elif now - trainer.heard_s > self._settings.stall_s:
                silence = f"no report from the trainer for {self._settings.stall_s:g} s"
                self._killed_for = TrainerEnd("failed", "stalled", silence)
                trainer.kill()
        if self._overtaken:
            return
        if status == FENCED_EXIT_STATUS:
            self._killed_for = LEASE_LOST
        elif status == -signal.SIGTERM and self._stop_asked_s is not None:
            self._killed_for = SHUT_DOWN  # it was still starting, so there is nothing to checkpoint
        out_of_memory = kernel_oom_kills() > oom_kills_before
        how = trainer.end or self._killed_for or unexplained(status, out_of_memory)
        self._persist(lambda session: self._record(session, how, list(trainer.log_lines)))

    def _take_spare(self) -> subprocess.Popen[bytes] | None:
        return None if self._spare is None else self._spare.take(self._job)

    def _deadline(self, renewed_s: float) -> float:
        return renewed_s + FENCE_SHARE * self._settings.lease_s

    def _renew(self) -> bool:
        """Whether the lease was extended. What is asked of the job is noted on the way."""
        try:
            with self._database.write() as session:
                asked = renew(session, self._job.id, self._job.attempt, self._settings.lease_s)
        except OperationalError as error:
            log.warning("could not renew the lease of job %s: %s", self._job.id, error.orig)
            return False
        except Fenced:
            self._overtaken = True
            return False
        self._requested = asked
        return True

    def _stop(self, trainer: Trainer) -> None:
        """Gently at first; firmly when the time to finish a step and write a checkpoint is over."""
        now = time.monotonic()
        if self._stop_asked_s is None:
            self._stop_asked_s = now
            trainer.ask_to_stop()
        elif now - self._stop_asked_s > self._settings.stop_grace_s:
            self._killed_for = SHUT_DOWN
            trainer.kill()

    def _persist(self, action: Callable[[Session], object]) -> None:
        """Write how it ended. A database that is away is waited for, but not by a worker that shuts down:
        then the lease runs out, and the keeper takes the job away."""
        while True:
            try:
                with self._database.write() as session:
                    action(session)
                return
            except Fenced:
                return
            except OperationalError as error:
                log.warning("could not record the end of job %s yet: %s", self._job.id, error.orig)
                if self._shutting_down.wait(RETRY_S):
                    return

    def _record(self, session: Session, how: TrainerEnd, log_lines: list[str]) -> None:
        job_id, attempt = self._job.id, self._job.attempt
        if how.kind == "finished":
            assert how.ended_by is not None
            succeed(session, job_id, attempt, how.ended_by)
        elif how.kind == "stopped":
            stop(session, job_id, attempt, how.message or SHUT_DOWN.message)
        else:
            assert how.error is not None
            fail(session, job_id, attempt, job_error(how.error, how.message, attempt), log_lines)


def unexplained(status: int, out_of_memory: bool) -> TrainerEnd:
    """The end of a trainer that left without a word."""
    if status == -signal.SIGKILL and out_of_memory:
        return TrainerEnd("failed", "out_of_memory", "the kernel killed the trainer: out of memory")
    if status < 0:
        return TrainerEnd("failed", "internal", f"the trainer died of {signal.Signals(-status).name}")
    return TrainerEnd("failed", "internal", f"the trainer exited with status {status}; its log says why")
