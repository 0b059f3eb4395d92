"""The queue: the jobs with status `queued`, in the order in which workers claim them."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, ScalarSelect, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from jobs.states import Status
from jobs.store.tables import Job

ORDER = (Job.priority.desc(), Job.queued_at, Job.id)
"""By priority, then by how long the job has waited. It is applied whenever a worker claims, so a priority
counts as it is then. Owners' turns, once there are any, come before the time."""


def first_in_line(queue: str, memory_bytes: int | None) -> ScalarSelect[str]:
    """The id of the job that a worker of `queue` is to claim, as a subquery; null if none waits that fits it.

    On PostgreSQL it locks that job's row, and passes over those that others are claiming at this moment.

    memory_bytes  what the worker has for a job; None if it does not know, and takes any
    """
    waiting = select(Job.id).where(*is_ready(), Job.queue == queue)
    if memory_bytes is not None:
        waiting = waiting.where(fits(memory_bytes))
    first = waiting.order_by(*ORDER).limit(1).with_for_update(skip_locked=True)
    return first.correlate(None).scalar_subquery()


def is_ready() -> tuple[ColumnElement[bool], ...]:
    """Whether a job may be claimed: it is queued, and its text prepared."""
    return Job.status == Status.QUEUED, Job.is_prepared.is_(True)


def fits(memory_bytes: int | InstrumentedAttribute[int | None]) -> ColumnElement[bool]:
    """Whether that much memory is enough for a job; it is for one of which it is not known what it needs."""
    return or_(Job.memory_bytes.is_(None), Job.memory_bytes <= memory_bytes)


def queue_positions(session: Session, job_ids: Sequence[str]) -> dict[str, int]:
    """By the ids of those of the jobs that are queued, their positions in their queues, from 1."""
    position = func.row_number().over(partition_by=Job.queue, order_by=ORDER).label("position")
    queued = select(Job.id, position).where(Job.status == Status.QUEUED).subquery()
    rows = session.execute(select(queued.c.id, queued.c.position).where(queued.c.id.in_(job_ids)))
    return {row.id: row.position for row in rows}
