"""The workers by their heartbeats, and what those are worth."""

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from jobs.broker.queue import GENERATE_QUEUE, TRAIN_QUEUE
from jobs.settings import SILENCE_SHARE
from jobs.states import Status
from jobs.store.database import now_s, upsert
from jobs.store.queue_order import fits
from jobs.store.tables import Job, Worker

WorkerStatus = Literal["idle", "busy", "hung", "lost"]

WORK_OF_QUEUE = {TRAIN_QUEUE: "training", GENERATE_QUEUE: "generation"}


@dataclass(frozen=True)
class WorkerState:
    """A worker, what it is doing, and in a sentence why if that is not well."""

    worker: Worker
    status: WorkerStatus
    detail: str | None = None

    @property
    def works(self) -> bool:
        return self.status in ("idle", "busy")

    def holds(self, memory_bytes: int | None) -> bool:
        """Whether a job that needs so much fits. What nobody knows fits."""
        return memory_bytes is None or memory_bytes <= (self.worker.memory_bytes or memory_bytes)


def record_heartbeat(session: Session, values: dict[str, Any], *, age_s: float, state_age_s: float) -> None:
    """Write down a worker's sign of life.

    values       its columns but the times
    age_s        seconds since it started
    state_age_s  seconds since it turned to what it is at
    """
    times = {"started_at": now_s() - age_s, "since": now_s() - state_age_s, "heard_at": now_s()}
    upsert(session, Worker, ["id"], {**values, **times})


def retire(session: Session, worker_id: str) -> None:
    """Forget a worker that has ended in good order."""
    session.execute(delete(Worker).where(Worker.id == worker_id))


def forget_lost_workers(session: Session, silence_s: float) -> None:
    """Forget workers that have been silent for so long that nobody looks for them any more."""
    session.execute(delete(Worker).where(Worker.heard_at < now_s() - silence_s))


def list_workers(session: Session, lease_s: float) -> list[WorkerState]:
    """Every worker, the oldest first. `lease_s` decides how long one may be silent or leave jobs waiting."""
    now = session.execute(select(now_s())).scalar_one()
    running = select(Job.worker, Job.id).where(Job.status == Status.RUNNING)
    owned = {(row.worker, row.id) for row in session.execute(running)}
    waits_since = (
        select(func.min(Job.queued_at))
        .where(Job.status == Status.QUEUED, Job.queue == Worker.queue)
        .where(or_(Worker.memory_bytes.is_(None), fits(Worker.memory_bytes)))
        .correlate(Worker)
        .scalar_subquery()
    )
    workers = session.execute(select(Worker, waits_since).order_by(Worker.started_at, Worker.id))
    return [worker_status(worker, now, lease_s, owned, since) for worker, since in workers]


def worker_status(
    worker: Worker, now: float, lease_s: float, owned: set[tuple[str | None, str]], waits_since: float | None
) -> WorkerState:
    """What a worker's heartbeat is worth, held against the clock and the jobs.

    owned        worker and job of every running job
    waits_since  when the job that has waited longest, of those that fit it, began to; None if none waits
    """
    silent_s = now - worker.heard_at
    if silent_s > SILENCE_SHARE * lease_s:
        return WorkerState(worker, "lost", f"no sign of life for {silent_s:.0f} s")
    if worker.trouble is not None:
        return WorkerState(worker, "hung", worker.trouble)
    if not worker.listening:
        return WorkerState(worker, "hung", "it no longer listens to the broker")
    trains = worker.queue == TRAIN_QUEUE
    if worker.job_id is not None:
        if trains and (worker.id, worker.job_id) not in owned:
            return WorkerState(worker, "hung", f"it is still at {worker.job_id}, which is no longer its job")
        return WorkerState(worker, "busy")
    if trains and waits_since is not None and (idle_s := now - max(worker.since, waits_since)) > lease_s:
        return WorkerState(worker, "hung", f"it has been idle for {idle_s:.0f} s while jobs wait")
    return WorkerState(worker, "idle")


def unserved_queues(workers: list[WorkerState]) -> list[str]:
    """For each kind of work that no worker does, why; empty if all is well."""
    found = []
    for queue, work in WORK_OF_QUEUE.items():
        of_queue = [state for state in workers if state.worker.queue == queue]
        if any(state.works for state in of_queue):
            continue
        reasons = [f"{state.worker.id} is {state.status}: {state.detail}" for state in of_queue]
        found.append(f"no {work} worker works ({'; '.join(reasons) or 'none has been started'})")
    return found


def largest_memory(session: Session, queue: str, lease_s: float) -> int | None:
    """Bytes that the best of the queue's live workers has for a job; None if that is unknown: none lives, or
    one does not say."""
    alive = select(Worker.memory_bytes).where(
        Worker.queue == queue, Worker.heard_at >= now_s() - SILENCE_SHARE * lease_s
    )
    memories = session.scalars(alive).all()
    known = [memory for memory in memories if memory is not None]
    return max(known) if known and len(known) == len(memories) else None
