"""Runs one attempt at a job: starts its trainer, renews the lease, carries out requests, records the end."""

import logging
import signal
import subprocess
import threading
import time
from collections.abc import Callable

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from jobs.files.layout import log_directory
from jobs.lifecycle.attempts import (
    STATUS_AFTER_STOP,
    Fenced,
    Requests,
    fail,
    renew_lease,
    stop,
    succeed,
)
from jobs.settings import SILENCE_SHARE, Settings
from jobs.states import job_error
from jobs.store.database import Database
from jobs.store.tables import Job
from worker.oom import kernel_oom_kills
from worker.training.fence import FENCED_EXIT_STATUS
from worker.training.launch import PrewarmedTrainer, launch_trainer
from worker.training.metrics import JobMetrics
from worker.training.reports import CHECKPOINT, FINISH, TrainerOutcome
from worker.training.trainer_process import TrainerProcess

log = logging.getLogger(__name__)

TICK_S = 0.2
RETRY_S = 0.5

LEASE_LOST = TrainerOutcome(
    "stopped", message="the lease could not be renewed in time: no database to do it in"
)
SHUT_DOWN = TrainerOutcome("stopped", message="the worker is shutting down")


class Supervisor:
    """Of one attempt. `shutting_down` is set when the worker is asked to end.

    prewarmed  a trainer started before there was a job, to be taken if it is ready
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        job: Job,
        shutting_down: threading.Event,
        prewarmed: PrewarmedTrainer | None = None,
    ) -> None:
        self._database = database
        self._settings = settings
        self._job = job
        self._shutting_down = shutting_down
        self._prewarmed = prewarmed
        self._requests = Requests(stopping=None, checkpoint_asked_at=None)
        self._has_sent_finish = False
        self._sent_checkpoint_of: float | None = None
        """The request for a checkpoint that the trainer has heard of."""
        self._stop_requested_s: float | None = None
        self._outcome_of_kill: TrainerOutcome | None = None
        self._is_fenced = False
        self._metrics: JobMetrics | None = None

    def run(self) -> None:
        """Return when the attempt has ended and that has been recorded, or when another owns the job."""
        oom_kills_before = kernel_oom_kills()
        # The claim has just given a whole lease.
        renewed_s = time.monotonic()
        next_renewal_s = renewed_s
        log_folder = log_directory(self._settings.artifacts, self._job.id, self._job.attempt)
        process = self._take_prewarmed() or launch_trainer(self._job)
        trainer = TrainerProcess(process, self._job, log_folder)
        self._metrics = metrics = JobMetrics(self._job, process.pid)
        metrics.start()
        trainer.extend_deadline(self._deadline_s(renewed_s))  # at once: the first renewal may hang
        while (status := trainer.wait(TICK_S)) is None:
            now = time.monotonic()
            if now >= next_renewal_s:
                if self._renew():
                    renewed_s = now
                    trainer.extend_deadline(self._deadline_s(renewed_s))
                next_renewal_s = now + self._settings.renew_s
                self._pass_on(trainer)
            if self._is_fenced:
                log.warning("attempt %s no longer owns job %s", self._job.attempt, self._job.id)
                trainer.kill()
            elif time.monotonic() > self._deadline_s(renewed_s):  # the renewal may have waited long
                log.warning("job %s: %s", self._job.id, LEASE_LOST.message)
                self._outcome_of_kill = LEASE_LOST
                trainer.kill()
            elif self._must_stop:
                self._stop(trainer)
            elif now - trainer.heard_s > self._settings.stall_s:
                silence = f"no report from the trainer for {self._settings.stall_s:g} s"
                self._outcome_of_kill = TrainerOutcome("failed", "stalled", silence)
                trainer.kill()
        metrics.end()
        if self._is_fenced:
            return
        if status == FENCED_EXIT_STATUS:
            self._outcome_of_kill = LEASE_LOST
        elif status == -signal.SIGTERM and self._stop_requested_s is not None:
            self._outcome_of_kill = SHUT_DOWN  # it was still starting, so there is nothing to checkpoint
        has_oom_kill = kernel_oom_kills() > oom_kills_before
        outcome = (
            trainer.outcome or self._outcome_of_kill or unreported_outcome(self._job, status, has_oom_kill)
        )
        self._persist(lambda session: self._record(session, outcome, list(trainer.log_lines)))

    def _take_prewarmed(self) -> subprocess.Popen[bytes] | None:
        return None if self._prewarmed is None else self._prewarmed.take(self._job)

    def _deadline_s(self, renewed_s: float) -> float:
        return renewed_s + SILENCE_SHARE * self._settings.lease_s

    def _renew(self) -> bool:
        """Whether the lease was extended. What people ask for is noted on the way."""
        try:
            with self._database.write() as session:
                self._requests = renew_lease(session, self._job.id, self._job.attempt, self._settings.lease_s)
                if self._metrics is not None:
                    self._metrics.record(session)
        except OperationalError as error:
            log.warning("could not renew the lease of job %s: %s", self._job.id, error.orig)
            return False
        except Fenced:
            self._is_fenced = True
            return False
        return True

    def _pass_on(self, trainer: TrainerProcess) -> None:
        """Tell the trainer once of each request that does not stop it at once."""
        if self._requests.stopping == FINISH and not self._has_sent_finish:
            self._has_sent_finish = True
            trainer.send(FINISH)
        asked_at = self._requests.checkpoint_asked_at
        if asked_at is not None and asked_at != self._sent_checkpoint_of:
            self._sent_checkpoint_of = asked_at
            trainer.send(CHECKPOINT)

    @property
    def _must_stop(self) -> bool:
        """Whether the trainer is to stop, or has been told to, which nothing undoes."""
        is_asked = self._requests.stopping in STATUS_AFTER_STOP
        return is_asked or self._shutting_down.is_set() or self._stop_requested_s is not None

    def _stop(self, trainer: TrainerProcess) -> None:
        """SIGTERM at first; SIGKILL when the time to finish a step and write a checkpoint is over."""
        now = time.monotonic()
        if self._stop_requested_s is None:
            self._stop_requested_s = now
            trainer.request_stop()
        elif now - self._stop_requested_s > self._settings.stop_grace_s:
            self._outcome_of_kill = SHUT_DOWN
            trainer.kill()

    def _persist(self, action: Callable[[Session], object]) -> None:
        """Write how it ended. A database that is away is waited for, but not by a worker that shuts down:
        then the lease runs out, and the keeper reaps the job."""
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

    def _record(self, session: Session, outcome: TrainerOutcome, log_lines: list[str]) -> None:
        job_id, attempt = self._job.id, self._job.attempt
        if outcome.kind == "finished":
            assert outcome.ended_by is not None
            succeed(session, job_id, attempt, outcome.ended_by)
        elif outcome.kind == "stopped":
            stop(session, job_id, attempt, outcome.message or SHUT_DOWN.message)
        else:
            assert outcome.error is not None
            fail(session, job_id, attempt, job_error(outcome.error, outcome.message, attempt), log_lines)


def unreported_outcome(job: Job, status: int, has_oom_kill: bool) -> TrainerOutcome:
    """Of a trainer that exited without a report."""
    its_log = f"GET /jobs/{job.id}/log?attempt={job.attempt}"
    if status == -signal.SIGKILL and has_oom_kill:
        return TrainerOutcome("failed", "out_of_memory", "the kernel killed the trainer: out of memory")
    if status < 0:
        message = f"the trainer died of {signal.Signals(-status).name}; {its_log} has what it wrote before"
    else:
        message = f"the trainer exited with status {status}; {its_log} says why"
    return TrainerOutcome("failed", "internal", message)
