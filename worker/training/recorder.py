"""Records what a run reports in the database, as one attempt."""

import logging
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from jobs.lifecycle.alerts import check_alerts
from jobs.lifecycle.attempts import fenced_update
from jobs.lifecycle.checkpoints import Superseded, record_checkpoint, resize_checkpoint
from jobs.lifecycle.history import forget_later, record_evaluation, record_progress, record_sample
from jobs.lifecycle.metrics import trained_before
from jobs.spec.alerts import AlertRule
from jobs.store.database import Database
from jobs.store.events import record_event_once
from jobs.store.tables import Job
from model.checkpoint import drop_training_state, size_bytes
from model.config import CheckpointConfig
from model.events import (
    CheckpointWritten,
    CutShort,
    EarlyStopped,
    Evaluation,
    Event,
    Progress,
    Sample,
    Started,
)
from model.manifest import CheckpointError
from worker.retry import retry_while_unavailable
from worker.training.eta import EtaEstimator
from worker.training.progress_log import log_event
from worker.training.resumption import was_deleted

log = logging.getLogger(__name__)

Result = TypeVar("Result")

PROGRESS_INTERVAL_S = 1.0


class Recorder:
    """An `on_event` for `model.training.train`.

    Everything but progress is written before the call returns, so that a checkpoint's row comes after those
    of all that led to it. While the database is away the run waits; the fence ends it if that takes too long.
    raises  Fenced when a newer attempt owns the job
    """

    def __init__(
        self,
        database: Database,
        artifacts: Path,
        job: Job,
        retention: CheckpointConfig,
        report_alive: Callable[[], None],
        eta: EtaEstimator,
        alerts: Sequence[AlertRule] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._artifacts = artifacts
        self._job = job
        self._retention = retention
        self._report_alive = report_alive
        self._eta = eta
        self._alerts = alerts
        self._clock = clock
        self._began_s = clock()
        self._trained_before_s: float | None = None
        """By earlier attempts."""
        self._progress_written_s = 0.0
        self._step_written = 0
        self._samples: list[dict[str, Any]] = []
        """Of the running step, until its last one comes."""
        # Beside the training: for checkpoints of 2 GB it takes 0.2 s.
        self._deleter = ThreadPoolExecutor(1, "deletion")
        self._deletion: Future[None] | None = None

    def __call__(self, event: Event) -> None:
        self._report_alive()
        if isinstance(event, Progress):
            self._eta.observe(event)  # before the progress is written, which includes the new estimate
            self._record_progress(event)
            return
        self._record(event)
        log_event(event)
        self._eta.observe(event)

    def _record(self, event: Event) -> None:
        match event:
            case Started():
                self._write(lambda session: self._record_start(session, event))
            case Evaluation():
                at_s = self._clock()  # not after the database has come back
                self._write(lambda session: self._record_evaluation(session, event, at_s))
                self._step_written = event.step + 1
            case Sample():
                self._record_sample(event)
            case CheckpointWritten():
                self._record_checkpoint(event)
            case CutShort():
                self._record_cut(event)
            case EarlyStopped():
                self._write(lambda session: self._record_early_stop(session, event))

    def _write(self, action: Callable[[Session], Result]) -> Result:
        return retry_while_unavailable(self._database.write, action)

    def _record_evaluation(self, session: Session, event: Evaluation, at_s: float) -> None:
        if self._trained_before_s is None:
            self._trained_before_s = trained_before(session, self._job.id)
        elapsed_s = self._trained_before_s + at_s - self._began_s
        evaluation = {**asdict(event), "elapsed_s": elapsed_s}
        record_evaluation(session, self._job.id, self._job.attempt, evaluation)
        for number in check_alerts(session, self._job.id, self._job.attempt, self._alerts, event.step):
            log.warning("job %s, step %s: alert %s", self._job.id, event.step, self._alerts[number].when)

    def _record_sample(self, event: Sample) -> None:
        """Those of a step together, so that nobody sees half of them and goes on behind the step."""
        names = ("step", "epoch", "index", "prompt", "text")
        self._samples.append({name: getattr(event, name) for name in names})
        if not event.is_last:
            return
        samples, self._samples = self._samples, []

        def record(session: Session) -> None:
            for sample in samples:
                record_sample(session, self._job.id, self._job.attempt, sample)

        self._write(record)

    def _record_once(self, session: Session, kind: str, data: dict[str, object]) -> None:
        record_event_once(session, self._job.id, self._job.attempt, kind, data)

    def _record_early_stop(self, session: Session, event: EarlyStopped) -> None:
        fenced_update(session, self._job.id, self._job.attempt)
        self._record_once(session, "early_stop", asdict(event))

    def _record_progress(self, event: Progress) -> None:
        now = time.monotonic()
        if event.step < event.total_steps and now - self._progress_written_s < PROGRESS_INTERVAL_S:
            return
        self._progress_written_s = now
        names = ("step", "epoch", "tokens_seen", "tokens_per_s")
        values = {name: getattr(event, name) for name in names} | {"remaining_s": self._eta.remaining_s}
        self._write(lambda session: record_progress(session, self._job.id, self._job.attempt, **values))
        self._step_written = event.step

    def _record_start(self, session: Session, event: Started) -> None:
        environment = {name: getattr(event, name) for name in ("numerics", "device", "threads")}
        before = {name: getattr(self._job, name) for name in environment}
        fenced_update(session, self._job.id, self._job.attempt, **environment)
        self._record_once(session, "started", {**environment, "resumed_step": event.resumed_step})
        changed = [name for name in environment if before[name] not in (None, environment[name])]
        if changed:
            changes = ", ".join(f"{name} was {before[name]} and is {environment[name]}" for name in changed)
            self._record_once(session, "not_exact", {"message": f"bit-exactness ends here: {changes}"})

    def _record_cut(self, event: CutShort) -> None:
        """It ends here, so what an attempt that was lost has recorded of later steps is no part of it."""

        def record(session: Session) -> list[str]:
            job_id, attempt = self._job.id, self._job.attempt
            directories = forget_later(session, job_id, attempt, event.step, event.epoch, event.tokens_seen)
            self._record_once(session, "finish", {"step": event.step})
            return directories

        self._step_written = event.step
        for directory in self._write(record):
            shutil.rmtree(self._artifacts / directory, ignore_errors=True)

    def _record_checkpoint(self, event: CheckpointWritten) -> None:
        names = ("step", "epoch", "train_loss", "val_loss", "bytes", "sha256", "resumable")
        checkpoint = {name: getattr(event, name) for name in names}
        checkpoint["directory"] = str(event.directory.relative_to(self._artifacts))

        def record(session: Session) -> Superseded:
            # Progress is written now and then only: a job that stops here must not show less than it keeps.
            if event.step > self._step_written:
                progress = {name: getattr(event, name) for name in ("step", "epoch", "tokens_seen")}
                record_progress(session, self._job.id, self._job.attempt, **progress)
            if event.is_requested:
                fenced_update(session, self._job.id, self._job.attempt, checkpoint_asked_at=None)
            keep = self._retention
            return record_checkpoint(
                session, self._job.id, self._job.attempt, checkpoint, keep.keep_last, keep.keep_best
            )

        superseded = self._write(record)
        self.wait_for_deletions()
        self._deletion = self._deleter.submit(self._delete, superseded)

    def wait_for_deletions(self) -> None:
        """Return when the files of all superseded checkpoints are deleted; raises what prevented that."""
        if self._deletion is not None:
            self._deletion.result()

    def _delete(self, superseded: Superseded) -> None:
        for directory in superseded.directories:
            shutil.rmtree(self._artifacts / directory, ignore_errors=True)
        for directory in superseded.training_states:
            path = self._artifacts / directory
            try:
                drop_training_state(path)
                left_bytes = size_bytes(path)
            except (CheckpointError, FileNotFoundError):
                if was_deleted(self._database, directory):
                    continue
                raise
            self._write(partial(resize_checkpoint, directory=directory, size_bytes=left_bytes))
