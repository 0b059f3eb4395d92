"""A worker as the API shows it."""

from collections.abc import Collection
from typing import Literal

from api.records.record import Record, Time, from_row
from jobs.lifecycle.workers import WorkerState, WorkerStatus, machine_of


class RatesRecord(Record):
    """How fast a machine trains in one numerics, measured on steps of small models."""

    flops_per_s: float
    """Of matrix products, and of what is computed for each of their operations besides."""
    attention_flops_per_s: float
    """Of the products of queries, keys and values, with their masks, softmax and dropout."""
    batch_s: float
    """Seconds that a batch takes besides, however small it and the model are."""
    layer_s: float
    """Seconds that a layer's operations take in a step, however small they are."""
    number_s: float
    """Seconds for each number of each layer's input, in a step."""
    logit_s: float
    """Seconds for each logit, in a step."""
    bytes_per_s: float
    """Of memory that an update reads and writes."""
    evaluated_share: float
    """Of the time that a batch takes, an update not counted, what it takes to evaluate one."""


class CalibrationRecord(Record):
    """What a training worker knows of its machine."""

    device: str
    auto: str
    """What the numerics `auto` come to."""
    has_bfloat16_kernels: bool
    """Whether matrices are multiplied in bfloat16 without being converted to float32 first."""
    threads: int
    """CPU threads of a trainer."""
    rates: dict[str, RatesRecord]
    """By numerics. Measured once, while neither a job nor any other program keeps the machine busy; until
    then there are none, and the time of a job is not known."""


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
    """The job that it is working on; null also where that is another owner's."""
    memory_bytes: int | None
    """Memory that it has for a job, on its GPU or of the machine; null where it is unknown."""
    device: str | None
    """What it trains on: a GPU's name, or `cpu`; null where it is unknown, and for other queues."""
    calibration: CalibrationRecord | None
    """How its jobs are trained, and how fast; null until it has looked, and of other workers."""
    since: Time
    """When it began that job, or became idle."""
    started_at: Time
    heard_at: Time
    """Its last heartbeat."""


def worker_record(state: WorkerState, visible: Collection[str]) -> WorkerRecord:
    """visible  ids that whoever asks may see"""
    return from_row(
        WorkerRecord,
        state.worker,
        status=state.status,
        detail=state.detail,
        job_id=state.worker.job_id if state.worker.job_id in visible else None,
        calibration=machine_of(state.worker).calibration,
    )
