"""What `worker.keeper` looks for in the database: idle workers beside waiting jobs, lost workers, full
disks."""

from sqlalchemy import case, func, or_, select
from sqlalchemy.orm import Session

from jobs.broker.queue import PREPARE_QUEUE
from jobs.lifecycle.attempts import Fenced, fail
from jobs.lifecycle.preparation import anything_is_due
from jobs.settings import SILENCE_SHARE
from jobs.states import Status, job_error
from jobs.store.database import now_s
from jobs.store.queue_order import fits, is_ready
from jobs.store.tables import Event, Job, Worker


def messages_to_republish(session: Session, lease_s: float) -> dict[str, int]:
    """By queue, how many messages to publish: one for each idle worker, while a job, or a text or a model to
    prepare, waits that one of them could take.

    A message reaches any of them, so there is to be one for each: else a worker that the job does not fit
    might take the only one. A worker that is busy looks for the next job by itself.
    """
    has_memory = or_(Worker.memory_bytes.is_(None), fits(Worker.memory_bytes))
    waiting = select(Job.id).where(*is_ready(), Job.queue == Worker.queue, has_memory)
    has_preparation = (Worker.queue == PREPARE_QUEUE) & anything_is_due()
    has_work = func.max(case((waiting.exists() | has_preparation, 1), else_=0))
    idle_workers = select(Worker.queue, func.count().label("workers")).where(
        Worker.job_id.is_(None),
        Worker.listening,
        Worker.heard_at >= now_s() - SILENCE_SHARE * lease_s,
    )
    queues = session.execute(idle_workers.group_by(Worker.queue).having(has_work == 1))
    return {row.queue: row.workers for row in queues}


def reap(session: Session) -> list[str]:
    """Fail the attempt of every running job whose lease has run out, because its worker is lost; their
    ids."""
    expired = select(Job).where(Job.status == Status.RUNNING, Job.lease_expires_at < now_s())
    reaped = []
    for job in session.scalars(expired.with_for_update(skip_locked=True)).all():
        try:
            message = f"worker {job.worker} gave no sign of life until its lease ran out"
            fail(session, job.id, job.attempt, job_error("worker_lost", message, job.attempt))
        except Fenced:
            continue
        reaped.append(job.id)
    return reaped


def jobs_paused_for_disk(session: Session, min_age_s: float) -> list[Job]:
    """Jobs that a full disk paused at least `min_age_s` ago."""
    paused_at = (
        select(func.max(Event.created_at))
        .where(Event.job_id == Job.id, Event.type == "status")
        .scalar_subquery()
    )
    is_paused = (Job.status == Status.PAUSED, Job.error["type"].as_string() == "disk_full")
    return list(session.scalars(select(Job).where(*is_paused, paused_at < now_s() - min_age_s)))
