"""How attempts move a job through its statuses: claims, leases and ends.

Each change of a status is one conditional UPDATE, whose row count decides, and the event that records it:
`change_status`. The callers hold the transaction. ARCHITECTURE.md has the protocol.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, case, select, update
from sqlalchemy.orm import Session

from jobs.spec.stored_specs import attempts_allowed
from jobs.states import CRASHES, TERMINAL, Status, Stopping, statuses_before
from jobs.store.database import now_s
from jobs.store.events import record_event
from jobs.store.lookup import get_job
from jobs.store.tables import Job
from model.config import EndedBy

UNCLAIMED: dict[str, Any] = {"worker": None, "lease_expires_at": None, "remaining_s": None}
"""The columns of a job that no worker runs."""

STILL_ASKED: dict[str, Any] = {"stopping": case((Job.stopping == "finish", Job.stopping), else_=None)}
"""The same of requests: a job that is to finish is so until it has."""

STATUS_AFTER_STOP: dict[str, Status] = {"cancel": Status.CANCELLED, "pause": Status.PAUSED}
"""By the request to stop. An attempt that stops before it could `finish` leaves that to the next."""


@dataclass(frozen=True)
class Requests:
    """What people have asked of a running job."""

    stopping: Stopping | None
    checkpoint_asked_at: float | None
    """When a checkpoint was asked for that has not been written yet; it tells one request from the next."""


class Fenced(Exception):
    """A write of an attempt that no longer owns its job. Whoever gets this must stop."""

    def __init__(self, job_id: str, attempt: int) -> None:
        super().__init__(f"attempt {attempt} no longer owns job {job_id}")


def claim(session: Session, job_id: str | ScalarSelect[str], worker: str, lease_s: float) -> Job | None:
    """Take a queued job as its next attempt; None if there is none.

    job_id  also as a subquery: `jobs.store.queue_order.first_in_line` for the job whose turn it is
    """
    return change_status(
        session,
        (Job.id == job_id, Job.status == Status.QUEUED),
        Status.RUNNING,
        {"worker": worker},
        attempt=Job.attempt + 1,
        worker=worker,
        lease_expires_at=now_s() + lease_s,
        claimed_at=now_s(),
        started_at=case((Job.started_at.is_(None), now_s()), else_=Job.started_at),
        error=None,
    )


def fenced_update(session: Session, job_id: str, attempt: int, **values: Any) -> None:
    """Update the job on behalf of `attempt`, or raise Fenced and change nothing.

    Called first in a transaction, it locks the row, so that what follows is the attempt's to write.
    """
    if not conditional_update(session, is_owned(job_id, attempt), **(values or {"attempt": attempt})):
        raise Fenced(job_id, attempt)


def fenced_change(
    session: Session, job_id: str, attempt: int, status: Status, cause: dict[str, Any], **values: Any
) -> None:
    """`change_status` on behalf of `attempt`. raises Fenced"""
    if change_status(session, is_owned(job_id, attempt), status, cause, **values) is None:
        raise Fenced(job_id, attempt)


def is_owned(job_id: str, attempt: int) -> tuple[ColumnElement[bool], ...]:
    return Job.id == job_id, Job.attempt == attempt, Job.status == Status.RUNNING


def renew_lease(session: Session, job_id: str, attempt: int, lease_s: float) -> Requests:
    """Extend the lease; returns what the attempt has been asked to do. raises Fenced"""
    fenced_update(session, job_id, attempt, lease_expires_at=now_s() + lease_s)
    asked = select(Job.stopping, Job.checkpoint_asked_at).where(Job.id == job_id)
    return Requests(**session.execute(asked).mappings().one())


def succeed(session: Session, job_id: str, attempt: int, ended_by: EndedBy) -> Status:
    """Record that training is complete, and by what: `succeeded`, unless a person was promised a cancel.

    raises  Fenced
    """
    if lock_owned_job(session, job_id, attempt).stopping == "cancel":
        end(session, job_id, attempt, Status.CANCELLED)
        return Status.CANCELLED
    end(session, job_id, attempt, Status.SUCCEEDED, ended_by=ended_by)
    return Status.SUCCEEDED


def end(
    session: Session,
    job_id: str,
    attempt: int,
    status: Status,
    error: dict[str, Any] | None = None,
    ended_by: EndedBy | None = None,
) -> None:
    """Record how an attempt ended: a terminal status, or paused. raises Fenced"""
    ends_requests = error is None or status in TERMINAL  # a full disk pauses for a while only
    obeyed = {"stopping": None, "checkpoint_asked_at": None} if ends_requests else STILL_ASKED
    finished = {"finished_at": now_s()} if status in TERMINAL else {}
    cause = {"error": error, "ended_by": ended_by}
    known_cause = {name: value for name, value in cause.items() if value is not None}
    columns = {**obeyed, **cause, **UNCLAIMED, **finished}
    fenced_change(session, job_id, attempt, status, known_cause, **columns)


def stop(session: Session, job_id: str, attempt: int, reason: str) -> Status:
    """Record that an attempt has stopped unharmed, and why: as a person asked, else back to the queue.

    raises  Fenced
    """
    job = lock_owned_job(session, job_id, attempt)
    if job.stopping in STATUS_AFTER_STOP:
        status = STATUS_AFTER_STOP[job.stopping]
        end(session, job_id, attempt, status)
        return status
    requeue(session, job_id, attempt, reason)
    return Status.QUEUED


def fail(
    session: Session, job_id: str, attempt: int, error: dict[str, Any], log_lines: Sequence[str] = ()
) -> Status:
    """Record that an attempt has failed, with the last lines of its log; returns the job's new status.

    A full disk pauses it. An error that might not repeat queues it again, until it has crashed `max_attempts`
    times without a new checkpoint in between. A person who asked for a stop meanwhile gets that instead.
    raises  Fenced
    """
    job = lock_owned_job(session, job_id, attempt)
    if log_lines:
        record_event(session, job_id, attempt, "log", {"lines": list(log_lines)})
    has_crashed = error["type"] in CRASHES
    failures = job.failures + has_crashed
    if has_crashed:
        fenced_update(session, job_id, attempt, failures=failures)
        record_event(session, job_id, attempt, "crash", {"error": error, "failures": failures})
    if job.stopping == "cancel" or (job.stopping == "pause" and has_crashed):
        status = STATUS_AFTER_STOP[job.stopping]
        end(session, job_id, attempt, status)
    elif error["type"] == "disk_full":
        status = Status.PAUSED
        end(session, job_id, attempt, status, error)
    elif has_crashed and failures < attempts_allowed(job.spec):
        status = Status.QUEUED
        requeue(session, job_id, attempt, error["type"])
    else:
        status = Status.FAILED
        end(session, job_id, attempt, status, error)
    return status


def lock_owned_job(session: Session, job_id: str, attempt: int) -> Job:
    """The job, locked and read anew, of an attempt that still owns it. raises Fenced"""
    fenced_update(session, job_id, attempt)
    return get_job(session, job_id)


def requeue(session: Session, job_id: str, attempt: int, reason: str) -> None:
    """Return a job to the queue for its next attempt. raises Fenced"""
    fenced_change(session, job_id, attempt, Status.QUEUED, {"reason": reason}, **queued_columns())


def queued_columns() -> dict[str, Any]:
    """The columns of a job that waits for its next attempt, beside its status."""
    return {**STILL_ASKED, "queued_at": now_s(), **UNCLAIMED}


def change_status(
    session: Session,
    conditions: tuple[Any, ...],
    status: Status,
    cause: dict[str, Any] | None = None,
    **values: Any,
) -> Job | None:
    """Give the job that meets the conditions another status, and record that as an event: but for a job's
    creation the one place where a status is written. None, and nothing changed, if no job meets them, or
    could not take that status by `jobs.states`.

    cause   what the event tells beside the status
    values  of other columns
    """
    may_follow = Job.status.in_(statuses_before(status))
    changed_ids = update_jobs(session, (*conditions, may_follow), status=status, **values)
    if not changed_ids:
        return None
    job = get_job(session, changed_ids[0])
    record_event(session, job.id, job.attempt, "status", {"status": status, **(cause or {})})
    return job


def conditional_update(session: Session, conditions: tuple[Any, ...], **values: Any) -> Sequence[str]:
    """The ids of the jobs that met the conditions and were updated.

    raises  ValueError for a status, which `change_status` changes
    """
    if "status" in values:
        raise ValueError("a status is changed by change_status, which records the change")
    return update_jobs(session, conditions, **values)


def update_jobs(session: Session, conditions: tuple[Any, ...], **values: Any) -> Sequence[str]:
    # Rows that the session holds are read anew rather than guessed at: the values are the database's.
    statement = update(Job).where(*conditions).values(**values).returning(Job.id)
    updated_ids = session.scalars(statement, execution_options={"synchronize_session": False}).all()
    session.expire_all()
    return updated_ids
