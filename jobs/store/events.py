"""What happened to a job, oldest first."""

from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from jobs.store.database import now_s
from jobs.store.tables import Event


def record_event(session: Session, job_id: str, attempt: int, kind: str, data: dict[str, Any]) -> None:
    values = {"job_id": job_id, "attempt": attempt, "type": kind, "data": data, "created_at": now_s()}
    session.execute(insert(Event).values(**values))


def list_events(session: Session, job_id: str, after: int = 0, limit: int = 1000) -> list[Event]:
    later = select(Event).where(Event.job_id == job_id, Event.id > after)
    return list(session.scalars(later.order_by(Event.id).limit(limit)))
