"""Finding jobs."""

from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, func, select, tuple_
from sqlalchemy.orm import Session

from jobs.states import Status
from jobs.store.ids import creation_time_us
from jobs.store.tables import Checkpoint, Job
from jobs.validation.quoting import quoted


class NotFound(Exception):
    """Nothing has that id; the message says what was asked for."""


class BadCursor(ValueError):
    """The cursor of a page is the id of no job, present or past."""


@dataclass(frozen=True)
class JobFilter:
    status: Status | None = None
    name: str | None = None
    labels: dict[str, str] = field(default_factory=dict)


def get_job(session: Session, job_id: str) -> Job:
    """raises NotFound"""
    job = session.get(Job, job_id)
    if job is None:
        raise NotFound(f"no job {quoted(job_id)}")
    return job


def jobs_in_need(session: Session, *needs_it: ColumnElement[bool]) -> str | None:
    """Which jobs need something, in words: how many, and the newest; None if there are none."""
    count = session.scalar(select(func.count()).select_from(Job).where(*needs_it))
    if not count:
        return None
    newest = session.scalars(select(Job.id).where(*needs_it).order_by(Job.created_at.desc()).limit(1)).first()
    return f"{newest} needs it" if count == 1 else f"{count:,} jobs need it, such as {newest}"


def list_jobs(
    session: Session, criteria: JobFilter, limit: int, after: str | None = None
) -> tuple[list[Job], bool]:
    """A page of jobs, newest first, behind the job `after`, which may be gone; and whether there are more.

    raises  BadCursor
    """
    query = select(Job)
    if criteria.status is not None:
        query = query.where(Job.status == criteria.status)
    if criteria.name is not None:
        query = query.where(Job.name == criteria.name)
    for label, value in criteria.labels.items():
        query = query.where(has_label(session, label, value))
    if after is not None:
        query = query.where(tuple_(Job.created_at, Job.id) < (creation_time(session, after), after))
    page = list(session.scalars(query.order_by(Job.created_at.desc(), Job.id.desc()).limit(limit + 1)))
    return page[:limit], len(page) > limit


def has_label(session: Session, name: str, value: str) -> ColumnElement[bool]:
    """Whether a job has that label."""
    if session.get_bind().dialect.name != "sqlite":
        return Job.labels[name].as_string() == value
    # SQLite reaches a member by a path, in which no name with a quote or backslash can be written and none
    # beyond ASCII is found, because it is compared with the escapes that the column holds.
    member = func.json_each(Job.labels).table_valued("key", "value")
    return select(member.c.key).where(member.c.key == name, member.c.value == value).exists()


def creation_time(session: Session, job_id: str) -> float:
    """When a job was created, which may have been deleted since. raises BadCursor if the id does not say"""
    job = session.get(Job, job_id)
    if job is not None:
        return job.created_at
    created_us = creation_time_us(job_id)
    if created_us is None:
        raise BadCursor(f"after: no job {quoted(job_id)}")
    return created_us / 1e6


def newest_with_checkpoint(session: Session) -> Job:
    """raises NotFound"""
    with_checkpoint = select(Job).where(select(Checkpoint.id).where(Checkpoint.job_id == Job.id).exists())
    job = session.scalar(with_checkpoint.order_by(Job.created_at.desc(), Job.id.desc()).limit(1))
    if job is None:
        raise NotFound("no job has a checkpoint yet")
    return job
