"""The objects that the API answers with; their docstrings are their description in `/openapi.json`."""

from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Generic, Literal, TypeVar

from flask import Response, jsonify
from pydantic import BaseModel, ConfigDict, PlainSerializer, SerializeAsAny, WithJsonSchema

from jobs.files.datasets import BUILTINS
from jobs.lifecycle.history import kinds
from jobs.lifecycle.workers import WorkerState, WorkerStatus
from jobs.spec.stored_specs import UnreadableSpec, read_spec
from jobs.states import ErrorType, Status, Stopping
from jobs.store.tables import Checkpoint, Dataset, Evaluation, Event, Job, Sample, Table
from jobs.store.waiting import Waiting
from model.config import EndedBy

LAST_MOMENT_S = datetime.max.replace(tzinfo=UTC).timestamp()


def as_rfc3339(seconds: float) -> str | None:
    """A moment in seconds since 1970 as UTC text with milliseconds; None for what is no moment."""
    if not 0 <= seconds < LAST_MOMENT_S:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Time = Annotated[
    float,
    PlainSerializer(as_rfc3339, return_type=str | None),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]


class Record(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True, from_attributes=True)


Row = TypeVar("Row", bound=Record)


class Listing(Record, Generic[Row]):
    """A page of a list."""

    object: Literal["list"] = "list"
    data: list[Row]
    has_more: bool
    """Whether there is more behind this page."""


class ProgressRecord(Record):
    epoch: int
    """The running epoch, from 1; 0 before the first."""
    step: int
    """Optimizer steps done."""
    total_steps: int
    """Optimizer steps of the whole job, unless it stops early."""
    tokens_seen: int
    """Tokens trained on, repetitions included."""
    fraction: float
    """`step` of `total_steps`."""
    tokens_per_s: float | None
    """Tokens trained on in a second, lately."""
    remaining_s: float | None
    """Seconds to the job's end unless it stops early, by what its steps, evaluations, samples and checkpoints
    have taken so far; null unless it runs, and while one of these that matters has yet to be measured."""


class LatestRecord(Record):
    train_loss: float
    """Nats per token."""
    val_loss: float
    """Nats per token."""
    step: int
    """The evaluation's step."""


class BestRecord(Record):
    val_loss: float
    """Nats per token."""
    step: int
    """The evaluation's step."""


class ErrorRecord(Record):
    type: ErrorType
    message: str
    attempt: int
    """The attempt that ended so."""
    retryable: bool
    """Whether another attempt could have gone better."""


class JobRecord(Record):
    """A training job."""

    id: str
    object: Literal["job"] = "job"
    name: str | None
    status: Status
    stopping: Stopping | None
    """What was asked for and has not been obeyed yet."""
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
    """What `training.numerics` came to; null before the first claim."""
    threads: int | None
    """CPU threads that it computes with; null before the first claim."""
    parent: str | None
    """The job that this one was forked from."""
    dataset_sha256: str
    """Of the text's bytes."""
    parameters: int
    """Trainable parameters of the model."""
    device: str | None
    """What it computes on; null before the first claim."""
    error: ErrorRecord | None
    """Why it failed or was paused by the service."""
    ended_by: EndedBy | None
    """Which came first: `epochs`, `max_steps` or `early_stopping`; null until it has succeeded."""
    queue_position: int | None
    """Its place, from 1, among those that wait for the same queue's workers; null unless it is queued."""
    waiting_for: str | None
    """Why it does not run, in words: no live worker, none that it fits, jobs before it; null as above."""
    created_at: Time
    started_at: Time | None
    """When it was first claimed."""
    finished_at: Time | None
    metadata: dict[str, str]


class LossRecord(Record):
    """An evaluation."""

    step: int
    """The 0-based number of the update just made."""
    epoch: int
    """From 1."""
    tokens_seen: int
    train_loss: float
    """Nats per token."""
    val_loss: float
    """Nats per token."""
    learning_rate: float
    grad_norm: float | None
    """L2 norm of the whole gradient, before clipping."""
    tokens_per_s: float | None
    recorded_at: Time


class SampleRecord(Record):
    """What the model wrote after an epoch."""

    step: int
    epoch: int
    prompt: str
    text: str
    """The prompt and its continuation."""
    recorded_at: Time


class CheckpointRecord(Record):
    """Weights that can be asked for a text."""

    id: str
    step: int
    epoch: int
    train_loss: float | None
    val_loss: float
    bytes: int
    """Room that it takes."""
    sha256: str
    """Of the weights file."""
    kind: list[Literal["last", "best"]]
    """Whether it is the newest and whether it has the lowest validation loss of those that are kept."""
    created_at: Time


class EventRecord(Record):
    """Something that happened to a job."""

    id: str
    type: str
    attempt: int
    data: dict[str, Any]
    created_at: Time


class DatasetRecord(Record):
    """A text to train on. What is not known before a built-in one is first used is null."""

    id: str
    object: Literal["dataset"] = "dataset"
    name: str
    builtin: bool
    byte_order_mark: bool | None
    """Whether the stored bytes begin with one. It is not part of the text, in which it counts nowhere."""
    characters: int | None
    """Of the text."""
    tokens: int | None
    """GPT-2 tokens of both its parts at the default `train_ratio`; null while nobody has counted them."""
    bytes: int | None
    """As they were sent, in UTF-8."""
    sha256: str | None
    """Of the bytes."""
    first_lines: str | None
    created_at: Time | None


class AddedDatasetRecord(DatasetRecord):
    """A text to train on, as the answer to whom it was sent by."""

    notices: list[str]
    """What is worth knowing, in sentences: the same text is stored already under another name, or it begins
    with a byte order mark."""


class GenerationRecord(Record):
    """A prompt and what a checkpoint made of it."""

    object: Literal["generation"] = "generation"
    job_id: str
    checkpoint: int
    """The checkpoint's step."""
    prompt: str
    prompt_truncated: bool
    """Whether the prompt was longer than the context, so that only its end was read."""
    completion: str
    """The new text alone."""
    text: str
    """The prompt and the new text."""
    prompt_tokens: int
    completion_tokens: int
    finish_reason: Literal["length", "stop", "timeout"]
    """`length`: `max_new_tokens` ended it; `stop`: a stop string or the model; `timeout`: the time limit."""
    seed: int
    """Gives the same text again."""
    tokens_per_s: float


class WorkerRecord(Record):
    """A process that takes jobs (`train`) or prompts (`generate`)."""

    id: str
    object: Literal["worker"] = "worker"
    queue: str
    host: str
    pid: int
    status: WorkerStatus
    detail: str | None
    """Why it is hung or lost."""
    job_id: str | None
    """The job that it is at."""
    memory_bytes: int | None
    """Memory that it has for a job, on its GPU or of the machine; null where it does not say."""
    since: Time
    """When it turned to that job, or to waiting."""
    started_at: Time
    heard_at: Time
    """Its last sign of life."""


class VersionRecord(Record):
    version: str


class HealthRecord(Record):
    status: Literal["ok"] = "ok"


class ReadinessRecord(Record):
    status: Literal["ready"] = "ready"
    checks: dict[str, str]
    """For each of database, broker, migrations, artifacts and workers: `ok`."""


def from_row(record: type[Row], row: Table, **more: Any) -> Row:
    """The record of a table's row: equal names go over, and `more` has what the row calls otherwise."""
    columns = {column.name: getattr(row, column.name) for column in row.__table__.columns}
    return record.model_validate({**columns, **more})


def answer(record: Record, status: HTTPStatus = HTTPStatus.OK, location: str | None = None) -> Response:
    response = jsonify(record.model_dump(mode="json"))
    response.status_code = status
    if location is not None:
        response.headers["Location"] = location
    return response


def listing(records: Sequence[Record], *, has_more: bool = False) -> Response:
    """A page of a list, as `Listing` describes it."""
    return answer(Listing[SerializeAsAny[Record]](data=list(records), has_more=has_more))


def job_record(job: Job, waiting: Waiting | None = None) -> JobRecord:
    """waiting  what it waits for, if it is queued"""
    latest = best = None
    if job.latest_step is not None:
        latest = {
            "train_loss": job.latest_train_loss,
            "val_loss": job.latest_val_loss,
            "step": job.latest_step,
        }
    if job.best_step is not None:
        best = {"val_loss": job.best_val_loss, "step": job.best_step}
    return from_row(
        JobRecord,
        job,
        spec=shown_spec(job),
        parent=job.parent_id,
        metadata=job.labels,
        progress=progress(job),
        latest=latest,
        best=best,
        queue_position=waiting and waiting.queue_position,
        waiting_for=waiting and waiting.waiting_for,
    )


def shown_spec(job: Job) -> dict[str, Any]:
    """The spec as this version reads it; one that it can't read as it is stored, rather than no answer."""
    try:
        return read_spec(job.spec).model_dump(mode="json")
    except UnreadableSpec:
        return job.spec


def progress(job: Job) -> dict[str, Any]:
    return {
        "epoch": job.epoch,
        "step": job.step,
        "total_steps": job.total_steps,
        "tokens_seen": job.tokens_seen,
        "fraction": job.step / job.total_steps,
        "tokens_per_s": job.tokens_per_s,
        "remaining_s": job.remaining_s,
    }


def loss_record(evaluation: Evaluation) -> LossRecord:
    return from_row(LossRecord, evaluation)


def sample_record(sample: Sample) -> SampleRecord:
    return from_row(SampleRecord, sample)


def checkpoint_records(checkpoints: list[Checkpoint]) -> list[CheckpointRecord]:
    kind_of = kinds(checkpoints)
    return [from_row(CheckpointRecord, checkpoint, kind=kind_of[checkpoint.id]) for checkpoint in checkpoints]


def event_record(event: Event) -> EventRecord:
    return from_row(EventRecord, event, id=str(event.id))


def worker_record(state: WorkerState) -> WorkerRecord:
    return from_row(WorkerRecord, state.worker, status=state.status, detail=state.detail)


def dataset_record(dataset: Dataset, tokens: int | None) -> DatasetRecord:
    return from_row(DatasetRecord, dataset, tokens=tokens, byte_order_mark=bool(dataset.text_start_bytes))


def builtin_record(name: str) -> DatasetRecord:
    """A built-in data set that nobody has used yet."""
    unknown = dict.fromkeys(["byte_order_mark", "characters", "tokens", "bytes", "first_lines", "created_at"])
    return DatasetRecord(id=name, name=name, builtin=True, sha256=BUILTINS[name].sha256, **unknown)
