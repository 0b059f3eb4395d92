"""What `worker.keeper` does with the rows: finds jobs to publish again, takes those of lost workers away."""

from sqlalchemy import func, literal, or_, select, update
from sqlalchemy.orm import Session

from jobs.database import now_s
from jobs.errors import job_error
from jobs.lifecycle import Fenced, fail
from jobs.states import Status
from jobs.tables import Event, Job


def unheard_jobs(session: Session, queue: str, waiting: int, patience_s: float) -> list[Job]:
    """Queued jobs that need another message: as many as the queue lacks, the longest unheard first.

    waiting     messages in the queue now; while there is one for each queued job nothing is published, so
                that the queue does not grow while every worker is busy
    patience_s  age of a job's last message under which another would only race it
    """
    queued = (Job.status == Status.QUEUED, Job.queue == queue)
    missing = (session.scalar(select(func.count()).where(*queued)) or 0) - waiting
    if missing <= 0:
        return []
    heard = func.coalesce(Job.published_at, Job.created_at)
    chosen = select(Job).where(*queued, or_(heard < now_s() - patience_s, literal(waiting == 0)))
    return list(session.scalars(chosen.order_by(heard).limit(missing)))


def mark_published(session: Session, job_id: str) -> None:
    session.execute(update(Job).where(Job.id == job_id).values(published_at=now_s()))


def reap(session: Session) -> list[str]:
    """Take away every running job whose lease has run out, and say which: its worker is lost."""
    expired = select(Job).where(Job.status == Status.RUNNING, Job.lease_expires_at < now_s())
    lost = []
    for job in session.scalars(expired.with_for_update(skip_locked=True)).all():
        try:
            message = f"worker {job.worker} gave no sign of life until its lease ran out"
            fail(session, job.id, job.attempt, job_error("worker_lost", message, job.attempt))
        except Fenced:
            continue
        lost.append(job.id)
    return lost


def paused_for_room(session: Session, patience_s: float) -> list[Job]:
    """Jobs that a full disk paused at least `patience_s` ago."""
    paused_at = (
        select(func.max(Event.created_at))
        .where(Event.job_id == Job.id, Event.type == "status")
        .scalar_subquery()
    )
    full = (Job.status == Status.PAUSED, Job.error["type"].as_string() == "disk_full")
    return list(session.scalars(select(Job).where(*full, paused_at < now_s() - patience_s)))
