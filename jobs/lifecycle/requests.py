"""What people ask of a job: cancel, pause, resume, delete it or a checkpoint. Repeats change nothing.

Like `jobs.lifecycle.attempts`, each is one conditional UPDATE and the event that records it; the callers hold
the transaction. The row is locked first: what a worker is about to write decides before, not in between.
"""

from typing import Any

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from jobs.lifecycle.attempts import UNCLAIMED, conditional_update, queued_columns
from jobs.lifecycle.history import describe_steps, list_checkpoints
from jobs.states import TERMINAL, Status, WrongState
from jobs.store.database import now_s
from jobs.store.events import record_event
from jobs.store.lookup import NotFound, get_job
from jobs.store.tables import Checkpoint, Event, Job, Removal
from jobs.validation.quoting import quoted

RESUMED = "resumed"
DELETABLE = TERMINAL | {Status.PAUSED}


class CheckpointNeeded(Exception):
    """A job, or a checkpoint, can't be deleted; the message says who needs it."""


def request_cancel(session: Session, job_id: str) -> Job:
    """Cancel a job now if nobody runs it, else ask its worker to; that outranks a pause asked for before.

    raises  NotFound, WrongState from `succeeded` and `failed`
    """
    lock_job(session, job_id)
    is_idle = (Job.id == job_id, Job.status.in_([Status.QUEUED, Status.PAUSED]))
    cancelled = {"status": Status.CANCELLED, "stopping": None, "error": None, "finished_at": now_s()}
    if conditional_update(session, is_idle, **cancelled, **UNCLAIMED):
        return with_status_event(session, job_id, {"status": Status.CANCELLED})
    conditional_update(session, (Job.id == job_id, Job.status == Status.RUNNING), stopping="cancel")
    return require_status(session, job_id, {Status.RUNNING, Status.CANCELLED}, "cancel")


def request_pause(session: Session, job_id: str) -> Job:
    """Ask the worker of a running job to checkpoint and stop; a cancel asked for before stands.

    raises  NotFound, WrongState unless it is running or paused
    """
    lock_job(session, job_id)
    is_undisturbed = (Job.id == job_id, Job.status == Status.RUNNING, Job.stopping.is_(None))
    conditional_update(session, is_undisturbed, stopping="pause")
    return require_status(session, job_id, {Status.RUNNING, Status.PAUSED}, "pause")


def resume(session: Session, job_id: str, reason: str = RESUMED) -> Job:
    """Queue a paused job again; its next attempt goes on from the last checkpoint.

    A repeat that finds it still waiting since the last `resume` changes nothing.
    raises  NotFound, WrongState unless it is paused
    """
    lock_job(session, job_id)
    is_paused = (Job.id == job_id, Job.status == Status.PAUSED)
    if conditional_update(session, is_paused, error=None, **queued_columns()):
        return with_status_event(session, job_id, {"status": Status.QUEUED, "reason": reason})
    job = get_job(session, job_id)
    if job.status == Status.QUEUED and last_status_event(session, job_id).get("reason") == RESUMED:
        return job
    raise WrongState(job_id, Status(job.status), "resume")


def delete_job(session: Session, job_id: str) -> None:
    """Delete a job with all that it has recorded, and list its folder for `jobs.files.cleanup` to remove.

    raises  NotFound, WrongState while it is queued or running, CheckpointNeeded
    """
    lock_job(session, job_id)
    require_status(session, job_id, set(DELETABLE), "delete")
    if child_id := child_in_need(session, job_id):
        raise CheckpointNeeded(
            f"job {child_id} goes on from its checkpoint, and has none of its own yet: cancel it, or wait "
            "for its first one"
        )
    deletion = delete(Job).where(Job.id == job_id, Job.status.in_(DELETABLE)).returning(Job.id)
    if session.execute(deletion).first() is None:
        raise WrongState(job_id, Status(get_job(session, job_id).status), "delete")
    session.add(Removal(job_id=job_id))


def delete_checkpoint(session: Session, job_id: str, step: str) -> str:
    """Stop listing a checkpoint; returns its directory, for `jobs.files.cleanup.remove_checkpoint`.

    raises  NotFound; CheckpointNeeded for one that the job goes on from, or another job
    """
    lock_job(session, job_id)
    job = get_job(session, job_id)
    checkpoints = list_checkpoints(session, job_id)
    checkpoint = next((row for row in checkpoints if str(row.step) == step), None)
    if checkpoint is None:
        steps = describe_steps(checkpoints)
        raise NotFound(f"job {job_id} has no checkpoint {quoted(step)}; its checkpoints' steps: {steps}")
    resumable = [row for row in checkpoints if row.resumable]
    if job.status not in TERMINAL and checkpoint in (*checkpoints[-1:], *resumable[-1:]):
        raise CheckpointNeeded(
            f"job {job_id} is {job.status}, and the checkpoint of step {step} is the newest that it could go "
            "on from: it can be deleted when there is a newer one, or the job has ended"
        )
    if child_id := child_in_need(session, job_id, checkpoint.step):
        raise CheckpointNeeded(
            f"job {child_id} goes on from the checkpoint of step {step}, and has none of its own yet"
        )
    session.execute(delete(Checkpoint).where(Checkpoint.id == checkpoint.id))
    record_event(session, job_id, job.attempt, "checkpoint_deleted", {"step": checkpoint.step})
    return checkpoint.directory


def child_in_need(session: Session, job_id: str, step: int | None = None) -> str | None:
    """The id of a job that starts from this one's weights, of that step if one is given, and has neither
    ended nor a checkpoint of its own; None if there is none."""
    is_of_step = () if step is None else (Job.parent_step == step,)
    return first_in_need(session, Job.parent_id == job_id, *is_of_step)


def first_in_need(session: Session, *is_child: ColumnElement[bool]) -> str | None:
    """The id of the first of these jobs that has neither ended nor a checkpoint of its own."""
    has_checkpoint = select(Checkpoint.id).where(Checkpoint.job_id == Job.id).exists()
    children = select(Job.id).where(*is_child, Job.status.not_in(TERMINAL), ~has_checkpoint)
    return session.scalars(children.order_by(Job.id).limit(1)).first()


def lock_job(session: Session, job_id: str) -> None:
    """Let nobody else change the job until the transaction ends (on SQLite, nobody else writes anyway)."""
    session.execute(select(Job.id).where(Job.id == job_id).with_for_update())


def require_status(session: Session, job_id: str, allowed: set[Status], request: str) -> Job:
    """The job, if its status allows the request. raises NotFound, WrongState"""
    job = get_job(session, job_id)
    if job.status not in allowed:
        raise WrongState(job_id, Status(job.status), request)
    return job


def with_status_event(session: Session, job_id: str, data: dict[str, Any]) -> Job:
    """The job, whose new status is recorded as an event with `data`."""
    job = get_job(session, job_id)
    record_event(session, job_id, job.attempt, "status", data)
    return job


def last_status_event(session: Session, job_id: str) -> dict[str, Any]:
    """The data of the job's newest `status` event; {} if it has none."""
    newest_first = (
        select(Event.data)
        .where(Event.job_id == job_id, Event.type == "status")
        .order_by(Event.id.desc())
        .limit(1)
    )
    return session.scalars(newest_first).first() or {}
