"""Forking a job: a new one that goes on from a checkpoint of it."""

from pathlib import Path
from typing import Any

from celery import Celery
from sqlalchemy.orm import Session

from jobs.files.initial_weights import initial_position, link_checkpoint
from jobs.files.staged_jobs import staged_job
from jobs.lifecycle.checkpoints import describe_steps, find_checkpoint, list_checkpoints
from jobs.lifecycle.submission import OnStored, Start, nothing_more, submit
from jobs.lifecycle.waiting import Waiting
from jobs.lifecycle.weights import describe_step, with_files
from jobs.settings import Settings
from jobs.spec.forks import ForkRequest, forked_spec
from jobs.spec.job_spec import JobSpec
from jobs.spec.stored_specs import read_spec
from jobs.store.database import Database
from jobs.store.lookup import get_job
from jobs.store.tables import Checkpoint, Job
from jobs.validation.field_errors import FieldError, SpecError


def fork(
    database: Database,
    settings: Settings,
    parent_id: str,
    asked: ForkRequest,
    celery: Celery | None = None,
    on_stored: OnStored = nothing_more,
) -> tuple[Job, Waiting]:
    """Store a job that goes on from the parent's checkpoint, whose files are in its own folder by then.
    `on_stored` as `submit`.

    raises  NotFound, SpecError, UnreadableSpec of the parent, WeightsLost, CheckpointFilesLost, OSError
    """
    with database.read() as session:
        parent = get_job(session, parent_id)
        checkpoint_to_fork(session, parent_id, asked)
    parent_spec = read_spec(parent.spec)
    spec = forked_spec(parent_spec, asked)
    with staged_job(settings.artifacts) as folder:
        checkpoint, size_bytes = link_parent(database, settings.artifacts, parent_id, asked, folder)
        columns: dict[str, Any] = {
            "parent_id": parent_id,
            "parent_step": checkpoint.step,
            "takes_optimizer": asked.with_optimizer,
            "initial_bytes": size_bytes,
        }
        if asked.with_optimizer:
            columns |= {**initial_position(folder), **environment(parent, parent_spec, spec)}
        steps_done = checkpoint.step if asked.with_optimizer else 0
        try:
            start = Start(folder, parent_id, steps_done, columns)
            return submit(database, settings, spec, celery, start, on_stored)
        except SpecError as wrong:
            raise SpecError(
                [FieldError(f"spec.{error.field}", error.message, error.value) for error in wrong.errors]
            ) from wrong


def checkpoint_to_fork(session: Session, parent_id: str, asked: ForkRequest) -> Checkpoint:
    """raises  NotFound; SpecError if it lacks the optimizer's state that is asked for"""
    checkpoint = find_checkpoint(session, parent_id, str(asked.checkpoint))
    if asked.with_optimizer and not checkpoint.resumable:
        resumable = [row for row in list_checkpoints(session, parent_id) if row.resumable]
        message = (
            f"the checkpoint of step {checkpoint.step} has its weights alone, without the optimizer's state; "
            f"with it: {describe_steps(resumable)}. Ask for one of these, or for with_optimizer false"
        )
        raise SpecError([FieldError("checkpoint", message, asked.checkpoint)])
    return checkpoint


def link_parent(
    database: Database, artifacts: Path, parent_id: str, asked: ForkRequest, folder: Path
) -> tuple[Checkpoint, int]:
    """Link the parent's checkpoint into a job's `folder`; returns it, and its size in bytes.

    raises  as `fork`
    """

    def link(checkpoint: Checkpoint) -> tuple[Checkpoint, int]:
        source = artifacts / checkpoint.directory
        return checkpoint, link_checkpoint(source, folder, weights_only=not asked.with_optimizer)

    return with_files(
        database, lambda session: checkpoint_to_fork(session, parent_id, asked), link, describe_step
    )


def environment(parent: Job, parent_spec: JobSpec, spec: JobSpec) -> dict[str, Any]:
    """What the parent's first attempt resolved, which bit-exactness takes; {} where other numerics are
    asked."""
    if spec.training.numerics != parent_spec.training.numerics:
        return {}
    return {name: getattr(parent, name) for name in ("numerics", "device", "threads")}
