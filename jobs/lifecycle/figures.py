"""The state of the whole service in figures: jobs, queue, workers, and how far those that train have come."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from jobs.broker.queue import TRAIN_QUEUE
from jobs.lifecycle.workers import WORK_OF_QUEUE, WorkerStatus, list_workers
from jobs.states import Status
from jobs.store.database import now_s
from jobs.store.tables import DeviceMetrics, Job
from jobs.store.webhooks import count_pending, count_webhooks


@dataclass(frozen=True)
class QueueFigures:
    waiting: int
    oldest_age_s: float
    """For how long the job has waited that has waited for longest; 0 if none waits."""


@dataclass(frozen=True)
class RunningJob:
    job_id: str
    owner: str | None
    shared: bool
    step: int
    total_steps: int
    tokens_per_s: float | None
    train_loss: float | None
    val_loss: float | None
    mfu: float | None = None
    cpu_percent: float | None = None
    memory_bytes: int | None = None
    gpu_utilization: float | None = None
    gpu_memory_bytes: int | None = None
    gpu_power_w: float | None = None


@dataclass(frozen=True)
class Figures:
    jobs: dict[str, int]
    """By status."""
    queues: dict[str, QueueFigures]
    workers: dict[tuple[str, WorkerStatus], int]
    """By queue and status."""
    running: Sequence[RunningJob]
    """Of all owners."""
    webhooks: dict[str, int]
    """By status."""
    pending_deliveries: int


def read_figures(session: Session, lease_s: float) -> Figures:
    """lease_s  see `list_workers`"""
    counts = dict.fromkeys(Status, 0)
    for status, count in session.execute(select(Job.status, func.count()).group_by(Job.status)):
        counts[Status(status)] = count
    workers = Counter((state.worker.queue, state.status) for state in list_workers(session, lease_s))
    return Figures(
        jobs={str(status): count for status, count in counts.items()},
        queues=read_queues(session),
        workers={
            **{(queue, status): 0 for queue in WORK_OF_QUEUE for status in get_args(WorkerStatus)},
            **workers,
        },
        running=read_running_jobs(session),
        webhooks=count_webhooks(session),
        pending_deliveries=count_pending(session),
    )


def read_queues(session: Session) -> dict[str, QueueFigures]:
    oldest_age_s = now_s() - func.min(func.coalesce(Job.queued_at, Job.created_at))
    queued = (
        select(Job.queue, func.count(), oldest_age_s).where(Job.status == Status.QUEUED).group_by(Job.queue)
    )
    figures = {queue: QueueFigures(count, max(0.0, age_s)) for queue, count, age_s in session.execute(queued)}
    return {TRAIN_QUEUE: QueueFigures(0, 0.0), **figures}


def read_running_jobs(session: Session) -> list[RunningJob]:
    """With what its supervisor has read last of the device, if anything."""
    columns = (
        Job.id,
        Job.owner,
        Job.shared,
        Job.step,
        Job.total_steps,
        Job.tokens_per_s,
        Job.latest_train_loss,
        Job.latest_val_loss,
        DeviceMetrics.mfu,
        DeviceMetrics.cpu_percent,
        DeviceMetrics.memory_bytes,
        DeviceMetrics.gpu_utilization,
        DeviceMetrics.gpu_memory_bytes,
        DeviceMetrics.gpu_power_w,
    )
    newest = (
        select(func.max(DeviceMetrics.number))
        .where(DeviceMetrics.job_id == Job.id, DeviceMetrics.attempt == Job.attempt)
        .correlate(Job)
        .scalar_subquery()
    )
    is_newest = and_(DeviceMetrics.job_id == Job.id, DeviceMetrics.number == newest)
    running = select(*columns).outerjoin(DeviceMetrics, is_newest).where(Job.status == Status.RUNNING)
    return [RunningJob(*row) for row in session.execute(running.order_by(Job.id))]
