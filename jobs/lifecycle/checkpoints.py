"""A job's checkpoints: which are listed, which of them is the best, and which a new one makes superfluous."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from jobs.lifecycle.attempts import fenced_update
from jobs.store.database import now_s, upsert
from jobs.store.events import record_event
from jobs.store.ids import checkpoint_step, new_checkpoint_id
from jobs.store.lookup import BadCursor, NotFound
from jobs.store.ownership import is_visible
from jobs.store.paging import page_behind
from jobs.store.tables import Checkpoint, Event, Job
from jobs.validation.quoting import quoted

STEPS_NAMED = 10
"""In a message, at most."""

ANNOUNCED = ("step", "epoch", "train_loss", "val_loss", "bytes", "sha256")
"""What the event of a checkpoint tells of it."""


@dataclass(frozen=True)
class Superseded:
    """Files that a new checkpoint makes useless, to delete once the transaction has committed."""

    directories: list[str]
    training_states: list[str]


def record_checkpoint(
    session: Session, job_id: str, attempt: int, checkpoint: dict[str, Any], keep_last: int, keep_best: int
) -> Superseded:
    """Add a checkpoint, with an event, and remove those that retention does not keep. raises Fenced

    Of those that can be resumed, the newest `keep_last` keep all that this needs; the `keep_best` of lowest
    validation loss keep their weights. A new one to resume from is progress, so crashes are counted anew.
    """
    defaults = {
        "id": new_checkpoint_id(checkpoint["step"]),
        "job_id": job_id,
        "created_at": now_s(),
        "resumable": True,
    }
    values = {**defaults, **checkpoint}
    fenced_update(session, job_id, attempt, **({"failures": 0} if values["resumable"] else {}))
    is_same_step = (Checkpoint.job_id == job_id, Checkpoint.step == values["step"])
    replaced = set(session.scalars(select(Checkpoint.directory).where(*is_same_step)))
    upsert(session, Checkpoint, ["job_id", "step"], values)
    if not is_announced(session, job_id, values["step"]):
        announced = {name: values[name] for name in ANNOUNCED if name in values}
        record_event(session, job_id, attempt, "checkpoint", announced)

    listed = list_checkpoints(session, job_id)
    last = {row.id for row in [row for row in listed if row.resumable][-keep_last:]}
    best = {row.id for row in by_val_loss(listed)[:keep_best]}
    removed = [row for row in listed if row.id not in last | best]
    weights_only = [row for row in listed if row.id in best - last and row.resumable]
    session.execute(delete(Checkpoint).where(Checkpoint.id.in_([row.id for row in removed])))
    for row in weights_only:
        row.resumable = False
    return Superseded(
        directories=sorted((replaced - {values["directory"]}) | {row.directory for row in removed}),
        training_states=[row.directory for row in weights_only],
    )


def is_announced(session: Session, job_id: str, step: int) -> bool:
    """Whether the newest event of the job's checkpoint of that step is that it was written: then one that is
    written again, by an attempt that resumed from before it, is no news."""
    of_checkpoint = (
        Event.job_id == job_id,
        Event.type.in_(["checkpoint", "checkpoint_damaged", "checkpoint_deleted"]),
        Event.data["step"].as_integer() == step,
    )
    newest = select(Event.type).where(*of_checkpoint).order_by(Event.id.desc()).limit(1)
    return session.scalar(newest) == "checkpoint"


def resize_checkpoint(session: Session, directory: str, size_bytes: int) -> None:
    """Record that a checkpoint takes less space since its training state is gone."""
    session.execute(update(Checkpoint).where(Checkpoint.directory == directory).values(bytes=size_bytes))


def drop_checkpoint(session: Session, job_id: str, attempt: int, checkpoint_id: str) -> bool:
    """Stop listing a checkpoint that turned out to be damaged; False if it is no longer listed anyway. raises
    Fenced"""
    fenced_update(session, job_id, attempt)
    dropped = delete(Checkpoint).where(Checkpoint.id == checkpoint_id).returning(Checkpoint.id)
    return session.execute(dropped).first() is not None


def is_listed(session: Session, directory: str) -> bool:
    """Whether there is a checkpoint in that directory, relative to the artifacts."""
    return session.scalar(select(Checkpoint.id).where(Checkpoint.directory == directory)) is not None


def checkpoints_bytes(session: Session, job_ids: Sequence[str]) -> dict[str, int]:
    """By the ids of those of the jobs that have any, the size of all their checkpoints."""
    sizes = select(Checkpoint.job_id, func.sum(Checkpoint.bytes)).where(Checkpoint.job_id.in_(job_ids))
    return {job_id: int(size) for job_id, size in session.execute(sizes.group_by(Checkpoint.job_id))}


def list_checkpoints(session: Session, job_id: str) -> list[Checkpoint]:
    """Oldest first."""
    of_job = select(Checkpoint).where(Checkpoint.job_id == job_id)
    return list(session.scalars(of_job.order_by(Checkpoint.step)))


def page_of_checkpoints(
    checkpoints: Sequence[Checkpoint], limit: int, after: str | None = None
) -> tuple[list[Checkpoint], bool]:
    """At most so many of a job's checkpoints behind the one with the id `after`, which may be gone; and
    whether there are more. raises BadCursor"""
    if after is None:
        return page_behind(checkpoints, limit, 0)
    listed = {checkpoint.id: checkpoint.step for checkpoint in checkpoints}
    step = listed.get(after, checkpoint_step(after))
    if step is None:
        raise BadCursor(f"after: no checkpoint {quoted(after)}")
    place = bisect_right(checkpoints, step, key=lambda checkpoint: checkpoint.step)
    return page_behind(checkpoints, limit, place)


def list_jobs_checkpoints(session: Session) -> list[list[Checkpoint]]:
    """Of every job that has any, and that whoever asks may see: those of the newest job first, each job's
    oldest first."""
    of_jobs = select(Checkpoint).join(Job, Job.id == Checkpoint.job_id).where(is_visible(Job))
    rows = session.scalars(of_jobs.order_by(Job.created_at.desc(), Job.id.desc(), Checkpoint.step))
    return [list(group) for _, group in groupby(rows, key=lambda row: row.job_id)]


def by_val_loss(checkpoints: list[Checkpoint]) -> list[Checkpoint]:
    """The lowest validation loss first; of equals, the newest."""
    return sorted(checkpoints, key=lambda checkpoint: (checkpoint.val_loss, -checkpoint.step))


def checkpoint_kinds(checkpoints: list[Checkpoint]) -> dict[str, list[str]]:
    """For each checkpoint's id, which of `last` and `best` it is."""
    kinds: dict[str, list[str]] = {checkpoint.id: [] for checkpoint in checkpoints}
    if checkpoints:
        kinds[checkpoints[-1].id].append("last")
        kinds[by_val_loss(checkpoints)[0].id].append("best")
    return kinds


def find_checkpoint(session: Session, job_id: str, name: str) -> Checkpoint:
    """The checkpoint `last`, `best`, or of a step. raises NotFound"""
    checkpoints = list_checkpoints(session, job_id)
    if name == "last":
        matches = checkpoints[-1:]
    elif name == "best":
        matches = by_val_loss(checkpoints)[:1]
    else:
        matches = [checkpoint for checkpoint in checkpoints if str(checkpoint.step) == name]
    if not matches:
        steps = describe_steps(checkpoints)
        raise NotFound(f"job {job_id} has no checkpoint {name!r}; its checkpoints' steps: {steps}")
    return matches[0]


def describe_steps(checkpoints: Sequence[Checkpoint]) -> str:
    """The steps of the newest checkpoints, and how many more there are."""
    newest = checkpoints[-STEPS_NAMED:]
    more = len(checkpoints) - len(newest)
    steps = ", ".join(str(checkpoint.step) for checkpoint in newest)
    return f"{steps} and {more:,} earlier ones" if more else steps or "none yet"
