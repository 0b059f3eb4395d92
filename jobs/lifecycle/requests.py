"""What people ask of a job: cancel, pause, resume, delete. Repeats change nothing.

Like `jobs.lifecycle.attempts`, each is one conditional change of the row and the event that tells of it; the
callers hold the transaction. The row is locked first: what a worker is about to write decides before, not in
between.
"""

from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from jobs.lifecycle.attempts import LEFT, change, queued
from jobs.states import TERMINAL, Status, WrongState
from jobs.store.database import now_s
from jobs.store.events import record_event
from jobs.store.lookup import get_job
from jobs.store.tables import Event, Job, Removal

RESUMED = "resumed"
DELETABLE = TERMINAL | {Status.PAUSED}


def request_cancel(session: Session, job_id: str) -> Job:
    """Cancel a job now if nobody runs it, else ask its worker to; that outranks a pause asked for before.

    raises  NotFound, WrongState from `succeeded` and `failed`
    """
    lock_job(session, job_id)
    waiting = (Job.id == job_id, Job.status.in_([Status.QUEUED, Status.PAUSED]))
    ended = {"status": Status.CANCELLED, "stopping": None, "error": None, "finished_at": now_s(), **LEFT}
    if change(session, waiting, **ended):
        return told(session, job_id, {"status": Status.CANCELLED})
    change(session, (Job.id == job_id, Job.status == Status.RUNNING), stopping="cancel")
    return expect(session, job_id, {Status.RUNNING, Status.CANCELLED}, "cancel")


def request_pause(session: Session, job_id: str) -> Job:
    """Ask the worker of a running job to checkpoint and stop; a cancel asked for before stands.

    raises  NotFound, WrongState unless it is running or paused
    """
    lock_job(session, job_id)
    unasked = (Job.id == job_id, Job.status == Status.RUNNING, Job.stopping.is_(None))
    change(session, unasked, stopping="pause")
    return expect(session, job_id, {Status.RUNNING, Status.PAUSED}, "pause")


def resume(session: Session, job_id: str, reason: str = RESUMED) -> Job:
    """Queue a paused job again; its next attempt goes on from the last checkpoint.

    A repeat that finds it still waiting since the last `resume` changes nothing.
    raises  NotFound, WrongState unless it is paused
    """
    lock_job(session, job_id)
    if change(session, (Job.id == job_id, Job.status == Status.PAUSED), error=None, **queued()):
        return told(session, job_id, {"status": Status.QUEUED, "reason": reason})
    job = get_job(session, job_id)
    if job.status == Status.QUEUED and newest_status(session, job_id).get("reason") == RESUMED:
        return job
    raise WrongState(job_id, Status(job.status), "resume")


def delete_job(session: Session, job_id: str) -> None:
    """Forget a job and all that it has recorded, and list its folder for `jobs.files.cleanup` to remove.

    raises  NotFound, WrongState while it is queued or running
    """
    lock_job(session, job_id)
    gone = session.execute(
        delete(Job).where(Job.id == job_id, Job.status.in_(DELETABLE)).returning(Job.id)
    ).first()
    if gone is None:
        raise WrongState(job_id, Status(get_job(session, job_id).status), "delete")
    session.add(Removal(job_id=job_id))


def lock_job(session: Session, job_id: str) -> None:
    """Let nobody else change the job until the transaction ends (on SQLite, nobody else writes anyway)."""
    session.execute(select(Job.id).where(Job.id == job_id).with_for_update())


def expect(session: Session, job_id: str, allowed: set[Status], wanted: str) -> Job:
    """The job, if a request for `wanted` may find it in its status. raises NotFound, WrongState"""
    job = get_job(session, job_id)
    if job.status not in allowed:
        raise WrongState(job_id, Status(job.status), wanted)
    return job


def told(session: Session, job_id: str, data: dict[str, Any]) -> Job:
    """The job, after an event that says what has happened to its status."""
    job = get_job(session, job_id)
    record_event(session, job_id, job.attempt, "status", data)
    return job


def newest_status(session: Session, job_id: str) -> dict[str, Any]:
    """The data of the job's newest `status` event."""
    chosen = select(Event.data).where(Event.job_id == job_id, Event.type == "status")
    return session.scalars(chosen.order_by(Event.id.desc()).limit(1)).first() or {}
