"""The workers by their heartbeats: which are idle, busy, hung or lost."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session, aliased

from jobs.broker.queue import GENERATE_QUEUE, PREPARE_QUEUE, TRAIN_QUEUE
from jobs.settings import SILENCE_SHARE
from jobs.states import Status
from jobs.store.database import now_s, upsert
from jobs.store.queue_order import fits, is_ready
from jobs.store.tables import Job, Worker
from model.estimate.machine import Calibration, DeviceKind, Machine

WorkerStatus = Literal["idle", "busy", "hung", "lost"]

WORK_OF_QUEUE = {TRAIN_QUEUE: "training", GENERATE_QUEUE: "generation", PREPARE_QUEUE: "preparation"}


@dataclass(frozen=True)
class WorkerState:
    """A worker, its status, and a sentence about what is wrong, if something is."""

    worker: Worker
    status: WorkerStatus
    detail: str | None = None

    @property
    def is_working(self) -> bool:
        return self.status in ("idle", "busy")

    @property
    def is_live(self) -> bool:
        """Whether it has been heard of lately."""
        return self.status != "lost"

    def has_memory_for(self, job: Job) -> bool:
        """Where it is not known what a job needs or a worker has, it fits."""
        needed = job.memory_bytes
        return needed is None or needed <= (self.worker.memory_bytes or needed)


def record_heartbeat(session: Session, values: dict[str, Any], *, age_s: float, state_age_s: float) -> None:
    """Record a worker's heartbeat.

    values       its columns but the times
    age_s        seconds since it started
    state_age_s  seconds since it began its job, or to wait for one
    """
    times = {"started_at": now_s() - age_s, "since": now_s() - state_age_s, "heard_at": now_s()}
    upsert(session, Worker, ["id"], {**values, **times})


def remove_worker(session: Session, worker_id: str) -> None:
    """Remove a worker that has shut down in good order."""
    session.execute(delete(Worker).where(Worker.id == worker_id))


def remove_lost_workers(session: Session, silence_s: float) -> None:
    """Remove workers that have been silent for so long that nobody looks for them any more; but of each queue
    not the one heard last: it says what has become of a queue that no worker serves."""
    later = aliased(Worker)
    others = select(later.id).where(later.queue == Worker.queue, later.heard_at > Worker.heard_at)
    is_forgotten = (Worker.heard_at < now_s() - silence_s, others.exists())
    session.execute(delete(Worker).where(*is_forgotten), execution_options={"synchronize_session": False})


def list_workers(session: Session, lease_s: float) -> list[WorkerState]:
    """Every worker, the oldest first. `lease_s` decides how long one may be silent or leave jobs waiting."""
    now = session.execute(select(now_s())).scalar_one()
    running = select(Job.worker, Job.id).where(Job.status == Status.RUNNING)
    owners = {(row.worker, row.id) for row in session.execute(running)}
    job_waits_since = (
        select(func.min(Job.queued_at))
        .where(*is_ready(), Job.queue == Worker.queue)
        .where(or_(Worker.memory_bytes.is_(None), fits(Worker.memory_bytes)))
        .correlate(Worker)
        .scalar_subquery()
    )
    workers = session.execute(select(Worker, job_waits_since).order_by(Worker.started_at, Worker.id))
    return [worker_state(worker, now, lease_s, owners, since) for worker, since in workers]


def worker_state(
    worker: Worker,
    now: float,
    lease_s: float,
    owners: set[tuple[str | None, str]],
    job_waits_since: float | None,
) -> WorkerState:
    """A worker's status, by its heartbeat, the clock and the jobs.

    owners           worker and id of every running job
    job_waits_since  when the job that has waited longest, of those that fit the worker, was queued; None if
                     none waits
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
        if trains and (worker.id, worker.job_id) not in owners:
            # Not which: the job may be another owner's than whoever reads this.
            return WorkerState(worker, "hung", "it still runs a job that is no longer its own")
        return WorkerState(worker, "busy")
    if trains and job_waits_since is not None:
        idle_s = now - max(worker.since, job_waits_since)
        if idle_s > lease_s:
            return WorkerState(worker, "hung", f"it has been idle for {idle_s:.0f} s while jobs wait")
    return WorkerState(worker, "idle")


def unserved_queues(workers: list[WorkerState]) -> list[str]:
    """A sentence about each queue whose messages no worker takes; empty if all is well."""
    served = {state.worker.queue for state in workers if state.is_working}
    return [unserved(queue, workers) for queue in WORK_OF_QUEUE if queue not in served]


def unserved(queue: str, workers: Sequence[WorkerState]) -> str:
    """A sentence about a queue whose messages no worker takes.

    workers  every worker, of whatever queue
    """
    of_queue = [state for state in workers if state.worker.queue == queue]
    return f"no {WORK_OF_QUEUE[queue]} worker works ({describe_workers(of_queue)})"


def describe_workers(states: Sequence[WorkerState]) -> str:
    """What is wrong with each of them."""
    problems = "; ".join(f"{state.worker.id} is {state.status}: {state.detail}" for state in states)
    return problems or "none has reported"


def live_workers(session: Session, queue: str, lease_s: float) -> list[Worker]:
    """Those of the queue that have been heard of lately."""
    is_live = (Worker.queue == queue, Worker.heard_at >= now_s() - SILENCE_SHARE * lease_s)
    return list(session.scalars(select(Worker).where(*is_live).order_by(Worker.started_at, Worker.id)))


def machines_of(workers: Iterable[Worker]) -> dict[str, Machine]:
    """What they have said of their machines, by the workers' ids."""
    return {worker.id: machine_of(worker) for worker in workers}


def machine_of(worker: Worker) -> Machine:
    """What another version of the service has measured, and this one can't read, is not known."""
    device: DeviceKind | None = None
    if worker.device is not None:
        device = "cpu" if worker.device == "cpu" else "cuda"
    if worker.calibration is None:
        return Machine(device)
    try:
        return Machine(device, Calibration.from_json(worker.calibration))
    except (KeyError, TypeError):
        return Machine(device)


def largest_memory(workers: Iterable[Worker]) -> int | None:
    """Bytes that the largest of them has for a job; None if that is not known: there is none, or one does not
    say."""
    memories = [worker.memory_bytes for worker in workers]
    known = [memory for memory in memories if memory is not None]
    return max(known) if known and len(known) == len(memories) else None
