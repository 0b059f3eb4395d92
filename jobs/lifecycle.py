"""How a job's row moves through its states: claims, leases, requests and ends.

Every function is one conditional UPDATE, whose row count decides, and the event that tells of it. The callers
hold the transaction. ARCHITECTURE.md has the protocol.
"""

from typing import Any

from sqlalchemy import CursorResult, case, select, update
from sqlalchemy.orm import Session

from jobs.database import now_s
from jobs.events import record_event
from jobs.lookup import get_job
from jobs.states import TERMINAL, Status, Stopping, WrongState, sources_of
from jobs.tables import Job


class Fenced(Exception):
    """A write of an attempt that no longer owns its job. Whoever gets this must stop."""

    def __init__(self, job_id: str, attempt: int) -> None:
        super().__init__(f"attempt {attempt} no longer owns job {job_id}")


def claim(session: Session, job_id: str, worker: str, lease_s: float) -> Job | None:
    """Take a queued job as its next attempt. None if it is not queued: the message was a duplicate."""
    taken = change(
        session,
        (Job.id == job_id, Job.status == Status.QUEUED),
        status=Status.RUNNING,
        attempt=Job.attempt + 1,
        worker=worker,
        lease_expires_at=now_s() + lease_s,
        started_at=case((Job.started_at.is_(None), now_s()), else_=Job.started_at),
        error=None,
    )
    if not taken:
        return None
    job = get_job(session, job_id)
    record_event(session, job_id, job.attempt, "status", {"status": Status.RUNNING, "worker": worker})
    return job


def write_as(session: Session, job_id: str, attempt: int, **values: Any) -> None:
    """Update the job on behalf of `attempt`, or raise Fenced and change nothing.

    Called first in a transaction, it locks the row, so that what follows is the attempt's to write.
    """
    owned = (Job.id == job_id, Job.attempt == attempt, Job.status == Status.RUNNING)
    if not change(session, owned, **(values or {"attempt": attempt})):
        raise Fenced(job_id, attempt)


def renew(session: Session, job_id: str, attempt: int, lease_s: float) -> Stopping | None:
    """Extend the lease, and say what is asked of the attempt. raises Fenced"""
    write_as(session, job_id, attempt, lease_expires_at=now_s() + lease_s)
    return session.scalar(select(Job.stopping).where(Job.id == job_id))


def succeed(session: Session, job_id: str, attempt: int) -> Status:
    """Record that training is complete: `succeeded`, unless a person was promised a cancel. raises Fenced"""
    write_as(session, job_id, attempt)
    cancelled = session.scalar(select(Job.stopping).where(Job.id == job_id)) == "cancel"
    status = Status.CANCELLED if cancelled else Status.SUCCEEDED
    end(session, job_id, attempt, status)
    return status


def end(
    session: Session, job_id: str, attempt: int, status: Status, error: dict[str, Any] | None = None
) -> None:
    """Record how an attempt ended: a terminal status, or paused. raises Fenced"""
    finished = {"finished_at": now_s()} if status in TERMINAL else {}
    write_as(session, job_id, attempt, status=status, stopping=None, error=error, **LEFT, **finished)
    record_event(
        session, job_id, attempt, "status", {"status": status, **({"error": error} if error else {})}
    )


def hand_back(session: Session, job_id: str, attempt: int, reason: str) -> None:
    """Return a job to the queue through no fault of its own: its worker is shutting down. raises Fenced"""
    write_as(session, job_id, attempt, status=Status.QUEUED, published_at=None, **LEFT)
    record_event(session, job_id, attempt, "status", {"status": Status.QUEUED, "reason": reason})


def record_crash(
    session: Session, job_id: str, attempt: int, error: dict[str, Any], log_lines: list[str] | None = None
) -> Status:
    """Requeue a job whose attempt crashed, or fail it once it has crashed `max_attempts` times in a row.

    A person who asked for a stop in the meantime gets that instead of another attempt. raises Fenced
    """
    write_as(session, job_id, attempt, failures=Job.failures + 1)
    job = get_job(session, job_id)
    session.refresh(job)
    if job.stopping is not None:
        status = STOPPED[job.stopping]
        end(session, job_id, attempt, status)
        return status
    record_event(
        session, job_id, attempt, "crash", {"error": error, "failures": job.failures, "log": log_lines or []}
    )
    if job.failures >= job.spec["max_attempts"]:
        end(session, job_id, attempt, Status.FAILED, error)
        return Status.FAILED
    write_as(session, job_id, attempt, status=Status.QUEUED, published_at=None, **LEFT)
    record_event(session, job_id, attempt, "status", {"status": Status.QUEUED, "reason": error["type"]})
    return Status.QUEUED


def request_cancel(session: Session, job_id: str) -> Job:
    """Cancel a job now if nobody runs it, else ask its worker to. Repeats change nothing.

    raises  NotFound, WrongState from `succeeded` and `failed`
    """
    waiting = (Job.id == job_id, Job.status.in_([Status.QUEUED, Status.PAUSED]))
    if change(session, waiting, status=Status.CANCELLED, stopping=None, finished_at=now_s(), **LEFT):
        job = get_job(session, job_id)
        record_event(session, job_id, job.attempt, "status", {"status": Status.CANCELLED})
        return job
    change(session, (Job.id == job_id, Job.status == Status.RUNNING), stopping="cancel")
    job = get_job(session, job_id)
    if job.status not in (Status.RUNNING, Status.CANCELLED):
        raise WrongState(job_id, Status(job.status), "cancel")
    return job


def change(session: Session, where: tuple[Any, ...], **values: Any) -> bool:
    """Whether the conditional UPDATE found its row. A new status is given only to a row that may take it."""
    if "status" in values:
        where = (*where, Job.status.in_(sources_of(values["status"])))
    # Rows that the session holds are read anew rather than guessed at: the values are the database's.
    statement = update(Job).where(*where).values(**values)
    result = session.execute(statement, execution_options={"synchronize_session": False})
    session.expire_all()
    assert isinstance(result, CursorResult)
    return result.rowcount > 0


LEFT: dict[str, Any] = {"worker": None, "lease_expires_at": None}
"""What a job no longer has once nobody runs it."""

STOPPED: dict[str, Status] = {"cancel": Status.CANCELLED, "pause": Status.PAUSED}
"""What a request to stop ends in."""
