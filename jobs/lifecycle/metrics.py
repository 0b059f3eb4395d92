"""A job's device metrics over time: a bounded number of rows, however long it trains."""

from typing import Any

from sqlalchemy import delete, func, insert, or_, select
from sqlalchemy.orm import Session

from jobs.lifecycle.attempts import fenced_update
from jobs.store.database import now_s
from jobs.store.tables import DeviceMetrics, Evaluation

MAX_ROWS = 2048
"""Of a job. When there would be more, every other one is deleted, and from then on twice as much time lies
between two: the whole of the run stays in view. A power of two, so that what stays is evenly apart."""


def record_metrics(session: Session, job_id: str, attempt: int, metrics: dict[str, Any]) -> int:
    """Add a row; returns how many readings are to lie between two rows now. raises Fenced

    Rows are numbered by readings: 0, 1, 2, ...; once there are too many, 0, 2, 4, ...; then 0, 4, 8, ...
    """
    fenced_update(session, job_id, attempt)
    newest = session.scalar(select(func.max(DeviceMetrics.number)).where(DeviceMetrics.job_id == job_id))
    interval = 1 if newest is None else interval_at(newest)
    number = 0 if newest is None else newest + interval
    if interval_at(number) > interval:
        interval = interval_at(number)
        is_between = DeviceMetrics.number % interval != 0
        session.execute(delete(DeviceMetrics).where(DeviceMetrics.job_id == job_id, is_between))
    values = {"job_id": job_id, "number": number, "attempt": attempt, "recorded_at": now_s(), **metrics}
    session.execute(insert(DeviceMetrics).values(**values))
    return interval


def interval_at(number: int) -> int:
    """The power of two that the numbers of all rows are multiples of, when the newest has this one."""
    interval = 1
    while number // interval >= MAX_ROWS:
        interval *= 2
    return interval


def elapsed_before(session: Session, job_id: str) -> float:
    """For how long the attempts so far have run, to the last row of each."""
    elapsed_s = select(func.max(DeviceMetrics.elapsed_s)).where(DeviceMetrics.job_id == job_id)
    return session.scalar(elapsed_s) or 0.0


def trained_before(session: Session, job_id: str) -> float:
    """The training time of the attempts so far, to the last thing that any of them has recorded: asked before
    the running one has recorded anything."""
    newest = select(Evaluation.elapsed_s).where(Evaluation.job_id == job_id).order_by(Evaluation.step.desc())
    return max(elapsed_before(session, job_id), session.scalar(newest.limit(1)) or 0.0)


def list_metrics(
    session: Session, job_id: str, since_elapsed_s: float | None = None, max_points: int = MAX_ROWS
) -> list[DeviceMetrics]:
    """The rows behind a moment, in order. Where they are more than `max_points`, as many of them as that
    allows, evenly apart and the newest always."""
    rows = select(DeviceMetrics).where(DeviceMetrics.job_id == job_id)
    if since_elapsed_s is not None:
        rows = rows.where(DeviceMetrics.elapsed_s > since_elapsed_s)
    counted = rows.with_only_columns(func.count(), func.max(DeviceMetrics.number))
    count, newest = session.execute(counted).one()
    if count > max_points:
        interval = interval_at(newest)
        while -(-count // (interval // interval_at(newest))) > max_points - 1:
            interval *= 2
        rows = rows.where(or_(DeviceMetrics.number % interval == 0, DeviceMetrics.number == newest))
    return list(session.scalars(rows.order_by(DeviceMetrics.number)))
