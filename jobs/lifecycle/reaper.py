"""What `worker.keeper` does with the rows: finds workers to ring for, takes the jobs of lost ones away."""

from sqlalchemy import case, func, or_, select
from sqlalchemy.orm import Session

from jobs.lifecycle.attempts import Fenced, fail
from jobs.settings import SILENCE_SHARE
from jobs.states import Status, job_error
from jobs.store.database import now_s
from jobs.store.queue_order import fits
from jobs.store.tables import Event, Job, Worker


def idle_workers_to_ring(session: Session, lease_s: float) -> dict[str, int]:
    """By queue, how many workers listen, are idle, and leave a job waiting that one of them could take.

    A message reaches any of them, so there is to be one for each: else a worker that the job does not fit
    might take the only one. A worker that is busy looks for the next job by itself.
    """
    takes = or_(Worker.memory_bytes.is_(None), fits(Worker.memory_bytes))
    job = select(Job.id).where(Job.status == Status.QUEUED, Job.queue == Worker.queue, takes)
    could_work = func.max(case((job.exists(), 1), else_=0))
    idle = select(Worker.queue, func.count().label("workers")).where(
        Worker.job_id.is_(None),
        Worker.listening,
        Worker.heard_at >= now_s() - SILENCE_SHARE * lease_s,
    )
    found = session.execute(idle.group_by(Worker.queue).having(could_work == 1))
    return {row.queue: row.workers for row in found}


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


def jobs_paused_for_disk(session: Session, patience_s: float) -> list[Job]:
    """Jobs that a full disk paused at least `patience_s` ago."""
    paused_at = (
        select(func.max(Event.created_at))
        .where(Event.job_id == Job.id, Event.type == "status")
        .scalar_subquery()
    )
    full = (Job.status == Status.PAUSED, Job.error["type"].as_string() == "disk_full")
    return list(session.scalars(select(Job).where(*full, paused_at < now_s() - patience_s)))
