"""A worker as the API shows it."""

from typing import Literal

from api.records.record import Record, Time, from_row
from jobs.lifecycle.workers import WorkerState, WorkerStatus


class WorkerRecord(Record):
    """A process that trains jobs (`train`) or answers prompts (`generate`)."""

    id: str
    object: Literal["worker"] = "worker"
    queue: str
    host: str
    pid: int
    status: WorkerStatus
    detail: str | None
    """Why it is hung or lost."""
    job_id: str | None
    """The job that it is working on."""
    memory_bytes: int | None
    """Memory that it has for a job, on its GPU or of the machine; null where it is unknown."""
    since: Time
    """When it began that job, or became idle."""
    started_at: Time
    heard_at: Time
    """Its last heartbeat."""


def worker_record(state: WorkerState) -> WorkerRecord:
    return from_row(WorkerRecord, state.worker, status=state.status, detail=state.detail)
