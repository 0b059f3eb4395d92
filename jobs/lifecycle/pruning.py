"""Disk space that ended jobs no longer need: checkpoints beside the last and the best, optimizers' states."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Literal

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from jobs.files.checkpoint_files import drop_training_state, training_state_bytes
from jobs.files.cleanup import remove_checkpoint
from jobs.lifecycle.checkpoints import by_val_loss, list_checkpoints
from jobs.lifecycle.requests import lock_job, starts_in_need
from jobs.spec.pruning import PruneRequest
from jobs.store.database import Database, now_s
from jobs.store.events import record_event
from jobs.store.ownership import is_changeable, is_visible
from jobs.store.tables import Checkpoint, Job

What = Literal["checkpoint", "optimizer"]


@dataclass(frozen=True)
class Needless:
    """A checkpoint, or an optimizer's state in one, that may go."""

    job_id: str
    step: int
    what: What
    bytes: int
    checkpoint_id: str
    directory: str
    """Relative to the artifacts."""


def needless(session: Session, artifacts: Path, asked: PruneRequest) -> list[Needless]:
    """What `prune` would delete now, job by job, the oldest first."""
    of_jobs = select(Checkpoint).join(Job, Job.id == Checkpoint.job_id).where(*is_prunable(asked))
    rows = session.scalars(of_jobs.order_by(Job.created_at, Job.id, Checkpoint.step)).all()
    needed = starts_in_need(session)
    return [
        entry
        for _, checkpoints in groupby(rows, key=lambda row: row.job_id)
        for entry in needless_of_job(artifacts, list(checkpoints), needed, asked)
    ]


def is_prunable(asked: PruneRequest) -> tuple[ColumnElement[bool], ...]:
    """Whether a job has ended, as is asked, nobody has starred it, and whoever asks may change it."""
    is_archived = () if asked.archived is None else (Job.archived.is_(asked.archived),)
    has_ended = Job.status.in_(asked.statuses), Job.finished_at <= now_s() - asked.older_s
    return (*has_ended, Job.starred.is_(False), *is_archived, is_changeable(Job))


def needless_of_job(
    artifacts: Path, checkpoints: Sequence[Checkpoint], needed: set[tuple[str, int]], asked: PruneRequest
) -> Iterator[Needless]:
    """
    checkpoints  all of one job's, the oldest first
    needed       those that other jobs start from, and still need
    """
    kept = {row.id for row in checkpoints[-1:] if "last" in asked.keep}
    kept |= {row.id for row in by_val_loss(list(checkpoints))[:1] if "best" in asked.keep}
    for row in checkpoints:
        found = partial(Needless, row.job_id, row.step, checkpoint_id=row.id, directory=row.directory)
        if (row.job_id, row.step) in needed:
            continue
        if row.id not in kept:
            yield found(what="checkpoint", bytes=row.bytes)
        # The files are asked, not the row: a crash may have come between the two.
        elif "optimizer" not in asked.keep and (size := training_state_bytes(artifacts / row.directory)):
            yield found(what="optimizer", bytes=size)


def prune(database: Database, artifacts: Path, asked: PruneRequest) -> list[Needless]:
    """Delete what ended jobs no longer need, a transaction for each job; what was deleted.

    Files go after the rows that list them. What a crash leaves between is found again: unlisted folders by
    the keeper, an optimizer's state by the next call.
    """
    with database.read() as session:
        found = needless(session, artifacts, asked)
    pruned: list[Needless] = []
    for job_id in dict.fromkeys(entry.job_id for entry in found):
        with database.write() as session:
            entries = forget_needless(session, artifacts, job_id, asked)
        for entry in entries:
            remove_files(database, artifacts, entry)
        pruned += entries
    return pruned


def forget_needless(session: Session, artifacts: Path, job_id: str, asked: PruneRequest) -> list[Needless]:
    """Stop listing what the job no longer needs, as it is now: it may have been starred or deleted
    meanwhile."""
    lock_job(session, job_id)
    job = session.scalar(select(Job).where(Job.id == job_id, *is_prunable(asked)))
    if job is None:
        return []
    checkpoints, needed = list_checkpoints(session, job_id), starts_in_need(session)
    entries = list(needless_of_job(artifacts, checkpoints, needed, asked))
    gone = [entry.checkpoint_id for entry in entries if entry.what == "checkpoint"]
    session.execute(delete(Checkpoint).where(Checkpoint.id.in_(gone)))
    stripped = [entry.checkpoint_id for entry in entries if entry.what == "optimizer"]
    session.execute(update(Checkpoint).where(Checkpoint.id.in_(stripped)).values(resumable=False))
    if entries:
        steps = {"checkpoint": [entry.step for entry in entries if entry.what == "checkpoint"]}
        steps["optimizer"] = [entry.step for entry in entries if entry.what == "optimizer"]
        record_event(session, job_id, job.attempt, "pruned", steps)
    return entries


def remove_files(database: Database, artifacts: Path, entry: Needless) -> None:
    """raises  CheckpointFilesLost, OSError"""
    if entry.what == "checkpoint":
        remove_checkpoint(artifacts, entry.directory)
        return
    folder = artifacts / entry.directory
    drop_training_state(folder)
    left_bytes = sum(file.stat().st_size for file in folder.iterdir())
    with database.write() as session:
        is_row = Checkpoint.id == entry.checkpoint_id
        session.execute(update(Checkpoint).where(is_row).values(bytes=left_bytes))


@dataclass(frozen=True)
class JobDisk:
    """What a job takes of the disk, and what of that `prune` would free as it is asked by default."""

    job: Job
    checkpoints: int
    bytes: int
    freeable_bytes: int


def disk_by_job(session: Session, artifacts: Path) -> list[JobDisk]:
    """Of every job that takes any, and that whoever asks may see, the largest first."""
    freeable: dict[str, int] = {}
    for entry in needless(session, artifacts, PruneRequest()):
        freeable[entry.job_id] = freeable.get(entry.job_id, 0) + entry.bytes
    rows = session.execute(select(Checkpoint.job_id, Checkpoint.bytes)).all()
    sizes: dict[str, list[int]] = {}
    for row in rows:
        sizes.setdefault(row.job_id, []).append(row.bytes)
    takes_any = Job.id.in_(select(Checkpoint.job_id)) | (Job.initial_bytes > 0)
    found = [
        JobDisk(
            job=job,
            checkpoints=len(sizes.get(job.id, [])),
            bytes=sum(sizes.get(job.id, [])) + job.initial_bytes,
            freeable_bytes=freeable.get(job.id, 0),
        )
        for job in session.scalars(select(Job).where(takes_any, is_visible(Job)))
    ]
    return sorted(found, key=lambda disk: (-disk.bytes, disk.job.id))
