"""What people ask of a job: cancel, pause, resume, finish it, write or delete a checkpoint, delete the job.
Repeats change nothing.

Like `jobs.lifecycle.attempts`, each is one conditional UPDATE and the event that records it; the callers hold
the transaction. The row is locked first: what a worker is about to write decides before, not in between.
"""

from typing import Any

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from jobs.lifecycle.attempts import UNCLAIMED, change_status, conditional_update, queued_columns
from jobs.lifecycle.checkpoints import describe_steps, list_checkpoints
from jobs.states import TERMINAL, Status, Stopping, WrongState
from jobs.store.database import now_s
from jobs.store.events import DELETED, OWNER, SHARED, record_event
from jobs.store.lookup import ANOTHER_OWNERS_JOB, NotFound, get_job
from jobs.store.ownership import may_see
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
    columns = {"stopping": None, "checkpoint_asked_at": None, "finished_at": now_s(), **UNCLAIMED}
    if job := change_status(session, is_idle, Status.CANCELLED, error=None, **columns):
        return job
    ask_to_stop(session, job_id, "cancel", Job.stopping.is_distinct_from("cancel"))
    return require_status(session, job_id, {Status.RUNNING, Status.CANCELLED}, "cancel")


def request_finish(session: Session, job_id: str) -> Job:
    """Ask the worker of a running job to end it after its step, as if that were the last; that outranks a
    pause asked for before, and a cancel stands. Of one that waits for another attempt, the next is asked.

    raises  NotFound, WrongState unless it is running, has run, or has finished so
    """
    lock_job(session, job_id)
    job = get_job(session, job_id)
    if job.stopping == "finish" or job.ended_by == "finish":
        return job
    has_begun = (Job.id == job_id, Job.attempt > 0, Job.status.in_([Status.QUEUED, Status.RUNNING]))
    if conditional_update(session, (*has_begun, Job.stopping.is_distinct_from("cancel")), stopping="finish"):
        record_change(session, job_id, {"stopping": "finish"})
        return get_job(session, job_id)
    return require_status(session, job_id, {Status.RUNNING}, "finish")


def request_checkpoint(session: Session, job_id: str) -> Job:
    """Ask the worker of a running job to write a checkpoint after its step, and to go on. Until it is
    written, another request changes nothing.

    raises  NotFound, WrongState unless it is running
    """
    lock_job(session, job_id)
    is_unasked = (Job.id == job_id, Job.status == Status.RUNNING, Job.checkpoint_asked_at.is_(None))
    conditional_update(session, is_unasked, checkpoint_asked_at=now_s())
    return require_status(session, job_id, {Status.RUNNING}, "checkpoint")


def request_pause(session: Session, job_id: str) -> Job:
    """Ask the worker of a running job to checkpoint and stop; a cancel asked for before stands.

    raises  NotFound, WrongState unless it is running or paused
    """
    lock_job(session, job_id)
    ask_to_stop(session, job_id, "pause", Job.stopping.is_(None))
    return require_status(session, job_id, {Status.RUNNING, Status.PAUSED}, "pause")


def ask_to_stop(session: Session, job_id: str, request: Stopping, may_ask: ColumnElement[bool]) -> None:
    """Leave the request for the worker of a running job, if it has none that stands against this one."""
    is_running = (Job.id == job_id, Job.status == Status.RUNNING)
    if conditional_update(session, (*is_running, may_ask), stopping=request):
        record_change(session, job_id, {"stopping": request})


def resume(session: Session, job_id: str, reason: str = RESUMED) -> Job:
    """Queue a paused job again; its next attempt goes on from the last checkpoint.

    A repeat that finds it still waiting since the last `resume` changes nothing.
    raises  NotFound, WrongState unless it is paused
    """
    lock_job(session, job_id)
    is_paused = (Job.id == job_id, Job.status == Status.PAUSED)
    if job := change_status(
        session, is_paused, Status.QUEUED, {"reason": reason}, error=None, **queued_columns()
    ):
        return job
    job = get_job(session, job_id)
    if job.status == Status.QUEUED and last_status_event(session, job_id).get("reason") == RESUMED:
        return job
    raise WrongState(job_id, Status(job.status), "resume")


def delete_job(session: Session, job_id: str) -> None:
    """Delete a job with all that it has recorded, and list its folder for `jobs.files.cleanup` to remove. Of
    its events one is left, which says so.

    raises  NotFound, WrongState while it is queued or running, CheckpointNeeded
    """
    lock_job(session, job_id)
    job = require_status(session, job_id, set(DELETABLE), "delete")
    attempt, whose = job.attempt, {} if job.owner is None else {OWNER: job.owner, SHARED: job.shared}
    if child := child_in_need(session, job_id):
        raise CheckpointNeeded(
            f"{child} goes on from its checkpoint, and has none of its own yet: cancel it, or wait "
            "for its first one"
        )
    deletion = delete(Job).where(Job.id == job_id, Job.status.in_(DELETABLE)).returning(Job.id)
    if session.execute(deletion).first() is None:
        raise WrongState(job_id, Status(get_job(session, job_id).status), "delete")
    session.add(Removal(job_id=job_id))
    session.execute(delete(Event).where(Event.job_id == job_id))
    record_event(session, job_id, attempt, DELETED, whose)


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
    if child := child_in_need(session, job_id, checkpoint.step):
        raise CheckpointNeeded(
            f"{child} goes on from the checkpoint of step {step}, and has none of its own yet"
        )
    session.execute(delete(Checkpoint).where(Checkpoint.id == checkpoint.id))
    record_event(session, job_id, job.attempt, "checkpoint_deleted", {"step": checkpoint.step})
    return checkpoint.directory


def child_in_need(session: Session, job_id: str, step: int | None = None) -> str | None:
    """A job, in words, that starts from this one's weights, of that step if one is given, and has neither
    ended nor a checkpoint of its own; None if there is none."""
    is_of_step = () if step is None else (Job.parent_step == step,)
    return first_in_need(session, Job.parent_id == job_id, *is_of_step)


def first_in_need(session: Session, *is_child: ColumnElement[bool]) -> str | None:
    """The first of these jobs, in words, that has neither ended nor a checkpoint of its own."""
    children = select(Job).where(*is_child, *is_in_need())
    child = session.scalars(children.order_by(Job.id).limit(1)).first()
    if child is None:
        return None
    return f"job {child.id}" if may_see(child) else ANOTHER_OWNERS_JOB


def starts_in_need(session: Session) -> set[tuple[str, int]]:
    """The checkpoints that jobs start from which have neither ended nor one of their own: by job and step."""
    starts = select(Job.parent_id, Job.parent_step).where(Job.parent_id.is_not(None), *is_in_need())
    return {(row.parent_id, row.parent_step) for row in session.execute(starts)}


def is_in_need() -> tuple[ColumnElement[bool], ...]:
    """Whether a job has neither ended nor a checkpoint of its own."""
    has_checkpoint = select(Checkpoint.id).where(Checkpoint.job_id == Job.id).exists()
    return Job.status.not_in(TERMINAL), ~has_checkpoint


def lock_job(session: Session, job_id: str) -> None:
    """Let nobody else change the job until the transaction ends (on SQLite, nobody else writes anyway)."""
    session.execute(select(Job.id).where(Job.id == job_id).with_for_update())


def require_status(session: Session, job_id: str, allowed: set[Status], request: str) -> Job:
    """The job, if its status allows the request. raises NotFound, WrongState"""
    job = get_job(session, job_id)
    if job.status not in allowed:
        raise WrongState(job_id, Status(job.status), request)
    return job


def record_change(session: Session, job_id: str, changes: dict[str, Any]) -> None:
    """Add an event `changed` with the job's new values, by the names that its record has them under: for
    whatever no other event tells of."""
    record_event(session, job_id, get_job(session, job_id).attempt, "changed", changes)


def last_status_event(session: Session, job_id: str) -> dict[str, Any]:
    """The data of the job's newest `status` event; {} if it has none."""
    newest_first = (
        select(Event.data)
        .where(Event.job_id == job_id, Event.type == "status")
        .order_by(Event.id.desc())
        .limit(1)
    )
    return session.scalars(newest_first).first() or {}
