"""Why a queued job does not run yet."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from jobs.broker.queue import PREPARE_QUEUE
from jobs.lifecycle.preparation import awaited_by
from jobs.lifecycle.workers import WorkerState, describe_workers, list_workers
from jobs.states import Status
from jobs.store.preparations import RUNNING, Prepared
from jobs.store.queue_order import queue_positions
from jobs.store.tables import Job, TrainedTokenizer
from jobs.validation.quoting import gibibytes


@dataclass(frozen=True)
class Waiting:
    """Why a queued job does not run yet."""

    queue_position: int
    """From 1."""
    waiting_for: str | None
    """In words; None if an idle worker is about to take it."""


def waiting_by_job(session: Session, jobs: Sequence[Job], lease_s: float) -> dict[str, Waiting]:
    """By the ids of those of the jobs that are queued, what each waits for.

    lease_s  see `list_workers`
    """
    queued = [job for job in jobs if job.status == Status.QUEUED]
    if not queued:
        return {}
    positions = queue_positions(session, [job.id for job in queued])
    workers = list_workers(session, lease_s)
    return {
        job.id: Waiting(
            positions[job.id],
            waiting_for_preparation(awaited, workers)
            if (awaited := awaited_by(session, job)) is not None
            else waiting_for(job, positions[job.id], workers),
        )
        for job in queued
        if job.id in positions  # else it was claimed since
    }


def waiting_for_preparation(awaited: Prepared, workers: Sequence[WorkerState]) -> str:
    """How far the job's text is, or its tokenizer, in words.

    workers  every worker, of whatever queue
    """
    is_tokenizer = isinstance(awaited, TrainedTokenizer)
    what, done = ("tokenizer", "trained") if is_tokenizer else ("data set", "prepared")
    if awaited.status == RUNNING:
        progress = "are done" if is_tokenizer else "are tokenised"
        return f"its {what} is being {done}: {awaited.fraction:.0%} {progress}"
    if awaited.error is not None:
        return f"its {what} could not be {done} yet, and is tried again: {awaited.error}"
    of_queue = [state for state in workers if state.worker.queue == PREPARE_QUEUE]
    if not any(state.is_working for state in of_queue):
        return (
            f"its {what} is to be {done}, and there is no live worker of the queue "
            f"{PREPARE_QUEUE} ({describe_workers(of_queue)})"
        )
    return f"its {what} is to be {done}"


def waiting_for(job: Job, position: int, workers: Sequence[WorkerState]) -> str | None:
    """What keeps a queued job from running, in words; None if nothing does, and an idle worker is about to
    take it.

    position  its place in the queue
    workers   every worker, of whatever queue
    """
    of_queue = [state for state in workers if state.worker.queue == job.queue]
    alive = [state for state in of_queue if state.is_working]
    if not alive:
        return f"no live worker of its queue, {job.queue} ({describe_workers(of_queue)})"
    large_enough = [state for state in alive if state.has_memory_for(job)]
    if not large_enough:
        needed, largest = job.memory_bytes or 0, max(state.worker.memory_bytes or 0 for state in alive)
        return (
            f"no worker that it fits: it needs about {gibibytes(needed)} of memory, "
            f"and of the queue {job.queue} the largest worker has {gibibytes(largest)}"
        )
    if position > 1:
        return f"{position - 1:,} {'job' if position == 2 else 'jobs'} before it"
    if all(state.status == "busy" for state in large_enough):
        return f"no worker is free: {len(large_enough)} of {len(large_enough)} busy"
    return None
