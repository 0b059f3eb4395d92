"""Finding jobs."""

from dataclasses import dataclass, field

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from jobs.quoting import quoted
from jobs.states import Status
from jobs.tables import Checkpoint, Job


class NotFound(Exception):
    """Nothing has that id; the message says what was looked for."""


class BadCursor(ValueError):
    """A page's cursor that names no job."""


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


def list_jobs(
    session: Session, wanted: JobFilter, limit: int, after: str | None = None
) -> tuple[list[Job], bool]:
    """A page of jobs, newest first, behind the job `after`; and whether there are more. raises BadCursor"""
    chosen = select(Job)
    if wanted.status is not None:
        chosen = chosen.where(Job.status == wanted.status)
    if wanted.name is not None:
        chosen = chosen.where(Job.name == wanted.name)
    for label, value in wanted.labels.items():
        chosen = chosen.where(Job.labels[label].as_string() == value)
    if after is not None:
        border = session.get(Job, after)
        if border is None:
            raise BadCursor(f"after: no job {quoted(after)}")
        chosen = chosen.where(tuple_(Job.created_at, Job.id) < (border.created_at, border.id))
    page = list(session.scalars(chosen.order_by(Job.created_at.desc(), Job.id.desc()).limit(limit + 1)))
    return page[:limit], len(page) > limit


def newest_with_checkpoint(session: Session) -> Job:
    """raises NotFound"""
    chosen = select(Job).where(select(Checkpoint.id).where(Checkpoint.job_id == Job.id).exists())
    job = session.scalar(chosen.order_by(Job.created_at.desc(), Job.id.desc()).limit(1))
    if job is None:
        raise NotFound("no job has a checkpoint yet")
    return job
