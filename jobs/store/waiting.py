"""Why a queued job does not run yet."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from jobs.lifecycle.workers import WorkerState, list_workers
from jobs.spec.estimate import gibibytes
from jobs.states import Status
from jobs.store.queue_order import queue_positions
from jobs.store.tables import Job


@dataclass(frozen=True)
class Waiting:
    """Of a queued job: its place in line, from 1, and in words what it waits for."""

    queue_position: int
    waiting_for: str


def waiting_of(session: Session, jobs: Sequence[Job], lease_s: float) -> dict[str, Waiting]:
    """For those of the jobs that are queued, by their ids: their places, and what each waits for.

    lease_s  see `list_workers`
    """
    queued = [job for job in jobs if job.status == Status.QUEUED]
    if not queued:
        return {}
    positions = queue_positions(session, [job.id for job in queued])
    workers = list_workers(session, lease_s)
    return {
        job.id: Waiting(positions[job.id], waiting_for(job, positions[job.id], workers))
        for job in queued
        if job.id in positions  # else it was claimed since
    }


def waiting_for(job: Job, position: int, workers: Sequence[WorkerState]) -> str:
    """What keeps a queued job from running, in words.

    position  its place in line
    workers   every worker, of whatever queue
    """
    of_queue = [state for state in workers if state.worker.queue == job.queue]
    alive = [state for state in of_queue if state.works]
    if not alive:
        wrong = "; ".join(f"{state.worker.id} is {state.status}: {state.detail}" for state in of_queue)
        return f"no live worker of its queue, {job.queue} ({wrong or 'none has been started'})"
    able = [state for state in alive if state.holds(job.memory_bytes)]
    if not able:
        needed, largest = job.memory_bytes or 0, max(state.worker.memory_bytes or 0 for state in alive)
        return (
            f"no worker that it fits: it needs about {gibibytes(needed)} of memory, "
            f"and of the queue {job.queue} the largest worker has {gibibytes(largest)}"
        )
    if position > 1:
        return f"{position - 1:,} {'job' if position == 2 else 'jobs'} before it"
    if all(state.status == "busy" for state in able):
        return f"no worker is free: {len(able)} of {len(able)} busy"
    return "nothing: an idle worker is about to take it"
