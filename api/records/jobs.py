"""A training job as the API shows it."""

from typing import Any, Literal

from api.records.record import Record, Time, from_row
from jobs.lifecycle.waiting import Waiting
from jobs.spec.stored_specs import UnreadableSpec, read_spec
from jobs.states import ErrorType, Status, Stopping
from jobs.store.tables import Job
from model.config import EndedBy


class ProgressRecord(Record):
    epoch: int
    """The running epoch, from 1; 0 before the first."""
    step: int
    """Optimizer steps done."""
    total_steps: int | None
    """Optimizer steps of the whole job, unless it stops early; null until its text is prepared."""
    tokens_seen: int
    """Tokens trained on, all epochs together."""
    fraction: float
    """`step` of `total_steps`."""
    tokens_per_s: float | None
    """Tokens trained on in a second, lately."""
    remaining_s: float | None
    """Seconds to the job's end unless it stops early, estimated from what its steps, evaluations, samples and
    checkpoints have taken so far; null unless it runs, and until enough of them have been measured."""


class LatestRecord(Record):
    train_loss: float
    """Nats per token."""
    val_loss: float
    """Nats per token."""
    val_bpb: float | None
    """The same in bits per byte."""
    step: int
    """The evaluation's step."""


class BestRecord(Record):
    val_loss: float
    """Nats per token."""
    val_bpb: float | None
    """The same in bits per byte."""
    step: int
    """The evaluation's step."""


class ErrorRecord(Record):
    type: ErrorType
    message: str
    attempt: int
    """The attempt that failed."""
    retryable: bool
    """Whether another attempt may succeed."""


class ParentRecord(Record):
    """The checkpoint that a job starts from."""

    job: str
    """The id of its job, which may have been deleted since."""
    checkpoint: int
    """Its step."""


class ParentModelRecord(Record):
    """The model from outside that a job starts from."""

    model: str
    """Its id; it may have been deleted since."""


class JobRecord(Record):
    """A training job."""

    id: str
    object: Literal["job"] = "job"
    name: str | None
    notes: str | None
    """Markdown; null if there are none."""
    tags: list[str]
    starred: bool
    archived: bool
    """Whether it is put away: `GET /jobs` leaves it out unless asked."""
    owner: str | None
    """Whose it is: the owner of the token that it was made with. Null if none was needed: everybody sees it,
    and administrators change it."""
    shared: bool
    """Whether others than its owner and administrators see it."""
    status: Status
    stopping: Stopping | None
    """What has been requested and has not happened yet. `finish` stays while the job waits for another
    attempt, which then ends it."""
    spec: dict[str, Any]
    """The job's spec (`JobSpec`) with every field filled in."""
    progress: ProgressRecord
    latest: LatestRecord | None
    """The newest evaluation; null before the first."""
    best: BestRecord | None
    """The evaluation of lowest validation loss; null before the first."""
    attempt: int
    """How often a worker has claimed the job."""
    failures: int
    """Crashes since the last new checkpoint."""
    numerics: str | None
    """The numerics that `training.numerics` resolved to; null before its first attempt has begun."""
    threads: int | None
    """CPU threads of its trainer; null before its first attempt has begun."""
    parent: ParentRecord | ParentModelRecord | None
    """What this job starts from in place of drawn weights: the checkpoint that it was forked from, before
    which losses and samples are the parent's, or what its `start_from` was when it was posted."""
    dataset_sha256: str
    """SHA-256 of the text's bytes."""
    disk_bytes: int
    """Size of the job's files: its checkpoints, and the one that it was forked from until it ends (which is a
    link to the parent's, and takes no space while that is there)."""
    parameters: int
    """Trainable parameters of the model; while its tokenizer is being trained, as many as they may become."""
    device: str | None
    """Where it trains; null before its first attempt has begun."""
    error: ErrorRecord | None
    """Why it failed or was paused by the service."""
    ended_by: EndedBy | None
    """What ended it: `epochs`, `max_steps`, `early_stopping` or `finish`, a person's request; null until it
    has succeeded."""
    queue_position: int | None
    """Its place in its queue, from 1; null unless it is queued."""
    waiting_for: str | None
    """Why it does not run yet, in words: its data set is being prepared or its tokenizer trained, no live
    worker, none with enough memory, jobs before it; null if an idle worker is about to take it, and unless it
    is queued."""
    created_at: Time
    started_at: Time | None
    """When it was first claimed."""
    finished_at: Time | None
    metadata: dict[str, str]


def job_record(job: Job, waiting: Waiting | None = None, checkpoints_bytes: int = 0) -> JobRecord:
    """
    waiting            what it waits for, if it is queued
    checkpoints_bytes  of all its checkpoints
    """
    latest = best = None
    if job.latest_step is not None:
        latest = {
            "train_loss": job.latest_train_loss,
            "val_loss": job.latest_val_loss,
            "val_bpb": job.latest_val_bpb,
            "step": job.latest_step,
        }
    if job.best_step is not None:
        best = {"val_loss": job.best_val_loss, "val_bpb": job.best_val_bpb, "step": job.best_step}
    return from_row(
        JobRecord,
        job,
        spec=readable_spec(job),
        parent=parent(job),
        disk_bytes=job.initial_bytes + checkpoints_bytes,
        metadata=job.labels,
        progress=progress(job),
        latest=latest,
        best=best,
        queue_position=waiting and waiting.queue_position,
        waiting_for=waiting and waiting.waiting_for,
    )


def parent(job: Job) -> dict[str, Any] | None:
    if job.parent_model_id is not None:
        return {"model": job.parent_model_id}
    return None if job.parent_id is None else {"job": job.parent_id, "checkpoint": job.parent_step}


def readable_spec(job: Job) -> dict[str, Any]:
    """The spec as this version reads it; as it is stored if this version can't read it."""
    try:
        return read_spec(job.spec).model_dump(mode="json")
    except UnreadableSpec:
        return job.spec


def progress(job: Job) -> dict[str, Any]:
    return {
        "epoch": job.epoch,
        "step": job.step,
        "total_steps": job.total_steps if job.is_prepared else None,
        "tokens_seen": job.tokens_seen,
        "fraction": job.step / job.total_steps if job.is_prepared else 0.0,
        "tokens_per_s": job.tokens_per_s,
        "remaining_s": job.remaining_s,
    }
