"""What happened to jobs, in the order in which it was committed.

Whoever has read up to an event's id has missed none: no event with a smaller id becomes visible later. On
SQLite that follows from there being one writer at a time. On PostgreSQL a sequence hands out numbers in the
order of the inserts, whose transactions may commit in another; so events are inserted as the last statements
of their transaction, under a lock that is held until it has committed. Commits that notify wait for each
other anyway.
"""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, select
from sqlalchemy.orm import Session

from jobs.store.database import before_commit, is_postgresql, lock_of, now_s
from jobs.store.ownership import is_visible
from jobs.store.tables import Event, Job
from jobs.store.viewers import Right, viewer
from jobs.store.webhooks import announce

CHANNEL = "pretrain_events"
"""Of PostgreSQL's NOTIFY: rung by every commit that a stream of events has something to show of."""

DELETED = "deleted"
"""The type of the one event that is left of a deleted job. Its data say whose the job was."""

OWNER, SHARED = "owner", "shared"

PENDING = "pending_events"
"""In `Session.info`: the events that are inserted when the transaction commits."""

LOCK_HOLDER_IDLE_S = 5
"""After which PostgreSQL ends a session that has stopped (SIGSTOP, say) between lock and commit: everybody
else who has something to tell waits for it."""


def record_event(session: Session, job_id: str, attempt: int, kind: str, data: dict[str, Any]) -> None:
    """Add an event when the transaction commits; until then it can't be read, not even by `session`."""
    session.info.setdefault(PENDING, []).append(
        {"job_id": job_id, "attempt": attempt, "type": kind, "data": data}
    )
    before_commit(session, insert_pending)
    announce(session, job_id, attempt, kind, data)


def record_event_once(session: Session, job_id: str, attempt: int, kind: str, data: dict[str, Any]) -> None:
    """Add an event unless this attempt has one of its kind: a write is repeated when its commit's
    confirmation was lost."""
    is_same = (Event.job_id == job_id, Event.attempt == attempt, Event.type == kind)
    if session.scalar(select(Event.id).where(*is_same).limit(1)) is None:
        record_event(session, job_id, attempt, kind, data)


def insert_pending(session: Session) -> None:
    session.flush()
    if is_postgresql(session):
        idle = func.set_config("idle_in_transaction_session_timeout", f"{LOCK_HOLDER_IDLE_S}s", True)
        session.execute(select(idle, func.pg_notify(CHANNEL, ""), lock_of("events")))
    for values in session.info.pop(PENDING):
        session.execute(insert(Event).values(**values, created_at=now_s()))


def ring_when_committed(session: Session) -> None:
    """Have those who wait for events look, though there is none: at a job's progress."""
    before_commit(session, ring)


def ring(session: Session) -> None:
    if is_postgresql(session):  # on SQLite they see that the file has changed
        session.execute(select(func.pg_notify(CHANNEL, "")))


def list_events(
    session: Session,
    job_id: str | None,
    after: int = 0,
    limit: int = 1000,
    excluded_types: Collection[str] = (),
) -> list[Event]:
    """Those later than the event `after`, in order, without those types; of all jobs that whoever asks may
    see if `job_id` is None."""
    later = select(Event).where(Event.id > after, *are_of(job_id, excluded_types))
    return list(session.scalars(later.order_by(Event.id).limit(limit)))


def list_newest_events(
    session: Session, job_id: str | None, before: int | None, limit: int, excluded_types: Collection[str] = ()
) -> list[Event]:
    """Those earlier than the event `before`, or all of them, the newest first; else as `list_events`."""
    earlier = select(Event).where(*are_of(job_id, excluded_types))
    if before is not None:
        earlier = earlier.where(Event.id < before)
    return list(session.scalars(earlier.order_by(Event.id.desc()).limit(limit)))


def are_of(job_id: str | None, excluded_types: Collection[str]) -> list[ColumnElement[bool]]:
    """Of the job, or of all jobs that whoever asks may see, and not of those types."""
    conditions: list[ColumnElement[bool]] = []
    if job_id is not None:
        conditions.append(Event.job_id == job_id)
    elif viewer().right is not Right.ADMIN:
        conditions.append(tells_of_visible_job())
    if excluded_types:
        conditions.append(Event.type.not_in(excluded_types))
    return conditions


def tells_of_visible_job() -> ColumnElement[bool]:
    """Whether an event is one of a job that whoever asks may see, or could see before it was deleted."""
    owner = Event.data[OWNER].as_string()
    was_visible = (owner == viewer().owner, Event.data[SHARED].as_boolean())
    is_visible_job = Event.job_id.in_(select(Job.id).where(is_visible(Job)))
    return or_(is_visible_job, and_(Event.type == DELETED, or_(*was_visible)))


Ownership = tuple[str | None, bool]
"""A job's owner, and whether it is shared."""


def ownership_of_jobs(session: Session, job_ids: Collection[str]) -> dict[str, Ownership]:
    """By the ids of those of the jobs that are there."""
    rows = session.execute(select(Job.id, Job.owner, Job.shared).where(Job.id.in_(job_ids)))
    return {row.id: (row.owner, row.shared) for row in rows}


def ownership_of_event(event: Event, jobs: Mapping[str, Ownership]) -> Ownership:
    """Of the event's job, also when that has been deleted."""
    deleted = (event.data.get(OWNER), event.data.get(SHARED, False))
    return jobs.get(event.job_id, deleted)


def last_event_id(session: Session) -> int:
    """Of the newest event; 0 if there is none."""
    return session.scalar(select(func.max(Event.id))) or 0


def last_status_event_id(session: Session, job_id: str) -> int:
    """Of the job's newest event `status`; 0 if it has none."""
    of_job = (Event.job_id == job_id, Event.type == "status")
    return session.scalar(select(func.max(Event.id)).where(*of_job)) or 0


def forget_deleted_jobs(session: Session, min_age_s: float) -> None:
    """Remove what tells of jobs that were deleted at least so long ago."""
    is_old = (Event.type == DELETED, Event.created_at < now_s() - min_age_s)
    session.execute(delete(Event).where(*is_old))
