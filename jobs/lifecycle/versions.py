"""Which version of a job's rows there is, by which readers know whether what they have is still right."""

import secrets
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from jobs.store.lookup import NotFound, get_job
from jobs.store.tables import Checkpoint, Job, JobVersion
from jobs.validation.quoting import quoted


def get_version(session: Session, job_id: str) -> JobVersion:
    """In a snapshot, or before what it is the version of is read. raises NotFound"""
    version = session.get(JobVersion, job_id)
    return unknown_version(get_job(session, job_id).id) if version is None else version


def unknown_version(job_id: str) -> JobVersion:
    """One that nobody has had before or gets again, of a job that was restored without its triggers."""
    once = secrets.token_hex(8)
    return JobVersion(job_id=job_id, job=once, losses=once, rewrites=once, samples=once)


@dataclass(frozen=True)
class JobState:
    """What a job's answer follows from, unless it is queued; its whole row is not read for it."""

    status: str
    version: str
    """Of its row."""
    checkpoints_bytes: int


def get_job_state(session: Session, job_id: str) -> JobState:
    """raises NotFound"""
    size = select(func.coalesce(func.sum(Checkpoint.bytes), 0)).where(Checkpoint.job_id == job_id)
    found = select(Job.status, JobVersion.job, size.scalar_subquery().label("bytes"))
    found = found.outerjoin(JobVersion, JobVersion.job_id == Job.id).where(Job.id == job_id)
    row = session.execute(found).first()
    if row is None:
        raise NotFound(f"no job {quoted(job_id)}")
    return JobState(row.status, row.job or unknown_version(job_id).job, int(row.bytes))
