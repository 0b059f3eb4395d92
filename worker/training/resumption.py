"""The checkpoint that an attempt resumes from, and what earlier attempts left behind."""

from functools import partial

from sqlalchemy.orm import Session

from jobs.files.cleanup import sweep_attempts
from jobs.files.layout import initial_directory
from jobs.lifecycle.checkpoints import drop_checkpoint, is_listed, resize_checkpoint
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.events import record_event
from jobs.store.tables import Checkpoint, Job
from model.checkpoint import drop_training_state, size_bytes
from model.manifest import TRAINING, WEIGHTS, CheckpointError, VerifiedCheckpoint, verify
from model.start import Start
from worker.retry import retry_while_unavailable


def newest_good_checkpoint(
    database: Database, settings: Settings, job: Job, checkpoints: list[Checkpoint]
) -> VerifiedCheckpoint | None:
    """The newest checkpoint that can be resumed and has the right checksums; damaged ones are no longer
    listed."""
    for checkpoint in reversed(checkpoints):
        if not checkpoint.resumable:
            continue
        try:
            return verify(settings.artifacts / checkpoint.directory)
        except CheckpointError as damage:
            drop = partial(drop_damaged, job=job, checkpoint=checkpoint, reason=str(damage))
            retry_while_unavailable(database.write, drop)
    return None


def initial_checkpoint(settings: Settings, job: Job) -> Start | None:
    """The checkpoint that a forked job starts from; None for one whose weights are drawn.

    raises  CheckpointError if it is damaged
    """
    if job.takes_optimizer is None:
        return None
    names = None if job.takes_optimizer else [WEIGHTS]
    return Start(verify(initial_directory(settings.artifacts, job.id), names), job.takes_optimizer)


def drop_damaged(session: Session, job: Job, checkpoint: Checkpoint, reason: str) -> None:
    """Stop listing a checkpoint, and record why."""
    if not drop_checkpoint(session, job.id, job.attempt, checkpoint.id):
        return  # a person has deleted it meanwhile
    data = {"step": checkpoint.step, "message": reason}
    record_event(session, job.id, job.attempt, "checkpoint_damaged", data)


def sweep_leftovers(database: Database, settings: Settings, job: Job, checkpoints: list[Checkpoint]) -> None:
    """Delete files of earlier attempts that are not listed: a crash came between writing and listing them."""
    listed = {checkpoint.directory for checkpoint in checkpoints}
    sweep_attempts(settings.artifacts, job.id, job.attempt, listed)
    for checkpoint in checkpoints:
        if not checkpoint.resumable:
            delete_training_state(database, settings, checkpoint)


def delete_training_state(database: Database, settings: Settings, checkpoint: Checkpoint) -> None:
    """Of a checkpoint that is kept for its weights, if a crash has left it there."""
    directory = settings.artifacts / checkpoint.directory
    try:
        if (directory / TRAINING).exists():
            drop_training_state(directory)
        left_bytes = size_bytes(directory)
    except (CheckpointError, FileNotFoundError):
        if was_deleted(database, checkpoint.directory):
            return
        raise
    if left_bytes != checkpoint.bytes:
        resize = partial(resize_checkpoint, directory=checkpoint.directory, size_bytes=left_bytes)
        retry_while_unavailable(database.write, resize)


def was_deleted(database: Database, directory: str) -> bool:
    """Whether a checkpoint's files are gone because a person has deleted it, while it was being trained."""
    return not retry_while_unavailable(database.read, lambda session: is_listed(session, directory))
