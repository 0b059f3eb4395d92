"""What commands rely on in the API's responses. What an older service did not have yet may be missing."""

from typing import Any, ClassVar, Generic, TypeVar

import httpx2
from pydantic import BaseModel, ConfigDict, ValidationError

from client.http.types import JSON

Step = int | None
Figure = float | None


class ResponseModel(BaseModel):
    """Other fields are let through; those that are declared must have the right types."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)
    title: ClassVar[str] = "record"
    """In messages."""


class Progress(ResponseModel):
    epoch: Step = None
    step: Step = None
    total_steps: Step = None
    tokens_seen: Step = None
    tokens_per_s: Figure = None
    remaining_s: Figure = None


class Evaluation(ResponseModel):
    step: int
    train_loss: Figure = None
    val_loss: Figure = None
    val_bpb: Figure = None


class Failure(ResponseModel):
    type: str
    message: str


class TrainingSection(ResponseModel):
    num_epochs: Step = None


class Spec(ResponseModel):
    preset: str
    dataset: str
    training: TrainingSection


class Parent(ResponseModel):
    """A job's checkpoint, or a model from outside."""

    job: str | None = None
    checkpoint: int | None = None
    model: str | None = None


class Job(ResponseModel):
    title = "job"

    id: str
    status: str
    owner: str | None = None
    shared: bool | None = None
    spec: Spec
    progress: Progress
    name: str | None = None
    notes: str | None = None
    tags: list[str] = []
    starred: bool = False
    archived: bool = False
    stopping: str | None = None
    waiting_for: str | None = None
    queue_position: Step = None
    ended_by: str | None = None
    error: Failure | None = None
    parent: Parent | None = None
    latest: Evaluation | None = None
    best: Evaluation | None = None
    parameters: Step = None
    disk_bytes: int | None = None
    attempt: Step = None
    numerics: str | None = None
    device: str | None = None
    created_at: str | None = None
    started_at: str | None = None
    finished_at: str | None = None


class Reason(ResponseModel):
    field: str
    message: str


class BlockParameters(ResponseModel):
    attention: int
    feed_forward: int
    norms: int
    total: int


class Parameters(ResponseModel):
    token_embedding: int
    position_embedding: int
    blocks: int
    block: BlockParameters
    final_norm: int
    head: int
    total: int
    without_head: int


class Tokens(ResponseModel):
    train: int
    validation: int
    total: int


class Flops(ResponseModel):
    training: float
    evaluation: float


class Estimate(ResponseModel):
    title = "estimate"

    fits: bool
    reasons: list[Reason]
    parameters: Parameters
    tokens: Tokens | None = None
    steps: Step = None
    epochs: Step = None
    evaluations: Step = None
    samples: Step = None
    checkpoints: Step = None
    flops: Flops | None = None
    memory: dict[str, int | str | None]
    disk_bytes: int | None = None
    time_s: Figure = None
    unknown: dict[str, str] = {}


class Loss(Evaluation):
    title = "evaluation"

    epoch: Step = None
    tokens_seen: Step = None
    learning_rate: Figure = None
    tokens_per_s: Figure = None
    elapsed_s: Figure = None


class Sample(ResponseModel):
    title = "sample"

    step: int
    index: Step = None
    epoch: Step = None
    text: str


class Checkpoint(Evaluation):
    title = "checkpoint"

    epoch: Step = None
    kind: list[str] = []
    bytes: int | None = None
    created_at: str | None = None
    sha256: str | None = None


class Event(ResponseModel):
    title = "event"

    id: str
    type: str
    data: dict[str, Any] = {}


class StreamedEvent(ResponseModel):
    title = "event"

    data: dict[str, Any]


class StreamedEvaluation(ResponseModel):
    title = "event of an evaluation"

    data: Loss


class StreamedSample(ResponseModel):
    title = "event of a sample"

    data: Sample


class StreamedProgress(ResponseModel):
    title = "event of progress"

    data: Progress


class StreamedStatus(ResponseModel):
    title = "event of a status"

    data: dict[str, Any]


STREAMED: dict[str, type[ResponseModel]] = {
    "status": StreamedStatus,
    "progress": StreamedProgress,
    "evaluation": StreamedEvaluation,
    "sample": StreamedSample,
}
"""By the name of the event, those that a display reads."""


class TokenCount(ResponseModel):
    tokenizer: str
    train_ratio: Figure = None
    train_tokens: int
    val_tokens: int
    vocabulary_used: Figure = None
    longest_document_tokens: int | None = None


class Dataset(ResponseModel):
    title = "data set"

    id: str
    name: str
    owner: str | None = None
    shared: bool | None = None
    characters: int | None = None
    tokens: int | None = None
    documents: int | None = None
    longest_document: int | None = None
    token_counts: list[TokenCount] = []
    bytes: int | None = None
    status: str | None = None
    error: str | None = None
    sha256: str | None = None
    first_lines: str | None = None
    created_at: str | None = None


class ImportedModel(ResponseModel):
    title = "model"

    id: str
    status: str
    owner: str | None = None
    shared: bool | None = None
    name: str | None = None
    error: str | None = None
    fraction: Figure = None
    tokenizer: str | None = None
    parameters: int | None = None
    model: dict[str, Any] | None = None
    bytes: int | None = None
    sha256: str | None = None
    created_at: str | None = None


class AddedDataset(Dataset):
    notices: list[str] = []


class Tokenizer(ResponseModel):
    title = "tokenizer"

    id: str
    name: str
    owner: str | None = None
    shared: bool | None = None
    status: str | None = None
    error: str | None = None
    fraction: Figure = None
    dataset: str | None = None
    asked_vocab_size: int | None = None
    vocab_size: int | None = None
    sha256: str | None = None
    bytes_per_token: Figure = None
    gpt2_bytes_per_token: Figure = None
    measured_bytes: int | None = None
    created_at: str | None = None


class Webhook(ResponseModel):
    title = "webhook"

    id: str
    url: str
    events: list[str] | None = None
    secret: str | None = None
    status: str | None = None
    failures: int | None = None


class Delivery(ResponseModel):
    title = "delivery"

    id: str
    type: str | None = None
    status: str | None = None
    attempts: int | None = None
    response_code: int | None = None
    error: str | None = None
    created_at: str | None = None


class JobDisk(ResponseModel):
    id: str
    status: str
    name: str | None = None
    checkpoints: int | None = None
    bytes: int | None = None
    freeable_bytes: int | None = None


class Disk(ResponseModel):
    title = "disk"

    data: list[JobDisk]
    total_bytes: int | None = None
    free_bytes: int | None = None
    jobs_bytes: int | None = None
    datasets_bytes: int | None = None
    tokens_bytes: int | None = None
    models_bytes: int | None = None
    freeable_bytes: int | None = None


class PrunedEntry(ResponseModel):
    job_id: str
    step: int
    what: str
    bytes: int


class Pruned(ResponseModel):
    title = "list of what was deleted"

    dry_run: bool
    bytes: int
    data: list[PrunedEntry]


class Token(ResponseModel):
    title = "token"

    id: str
    name: str
    owner: str | None = None
    scopes: list[str] = []
    created_at: str | None = None
    expires_at: str | None = None
    revoked_at: str | None = None
    last_used_at: str | None = None


class NewToken(Token):
    token: str


class AuditEntry(ResponseModel):
    title = "entry of the audit"

    id: str
    created_at: str | None = None
    action: str
    ids: list[str] = []
    status: int | None = None
    request_id: str | None = None
    token_id: str | None = None
    token_name: str | None = None
    owner: str | None = None


class Worker(ResponseModel):
    title = "worker"

    id: str
    queue: str
    status: str
    host: str | None = None
    detail: str | None = None
    job_id: str | None = None
    device: str | None = None
    memory_bytes: int | None = None


class Version(ResponseModel):
    title = "version"

    version: str


class Piece(ResponseModel):
    title = "piece of a text"

    text: str


class Generation(ResponseModel):
    title = "generation"

    text: str
    finish_reason: str | None = None
    prompt_truncated: bool | None = None


class TokenScore(ResponseModel):
    token: str
    nats: Figure = None
    rank: Step = None


class Score(ResponseModel):
    title = "score"

    tokens: list[TokenScore]
    loss: Figure = None
    perplexity: Figure = None
    bits_per_byte: Figure = None


Entry = TypeVar("Entry", bound=ResponseModel)


class Page(ResponseModel, Generic[Entry]):
    title = "list"

    data: list[Entry]
    has_more: bool


def decode_json(response: httpx2.Response) -> Any:
    """The response's body; None if it is not JSON."""
    try:
        return response.json()
    except (ValueError, RecursionError):
        return None


def mismatch(body: JSON, model: type[ResponseModel]) -> str | None:
    """What keeps `body` from being used as a `model`, in words; None if nothing does."""
    try:
        model.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        problem = "is missing" if first["type"] == "missing" else "is not what it should be"
        return f"{field} {problem}"
    return None
