"""A job's history as the API shows it: losses, samples, checkpoints, events."""

from typing import Any, Literal

from api.records.record import Record, Time, from_row
from jobs.lifecycle.history import checkpoint_kinds
from jobs.store.tables import Checkpoint, Evaluation, Event, Sample


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
    val_bpb: float | None
    """The validation loss in bits per byte of text, which can be compared between tokenizers: the nats of the
    evaluated targets / ln 2 / their bytes in UTF-8 (the ends of texts count in neither). Null where they have
    no bytes, and in rows of earlier versions."""
    learning_rate: float
    grad_norm: float | None
    """Global L2 norm of the gradient, before clipping."""
    tokens_per_s: float | None
    recorded_at: Time


class SampleRecord(Record):
    """A text that the model generated during training."""

    step: int
    epoch: int
    prompt: str
    text: str
    """The prompt and its continuation."""
    recorded_at: Time


class CheckpointRecord(Record):
    """Saved weights of the model, which can generate text."""

    id: str
    step: int
    epoch: int
    train_loss: float | None
    val_loss: float
    bytes: int
    """Its size on disk."""
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


def loss_record(evaluation: Evaluation) -> LossRecord:
    return from_row(LossRecord, evaluation)


def sample_record(sample: Sample) -> SampleRecord:
    return from_row(SampleRecord, sample)


def checkpoint_records(checkpoints: list[Checkpoint]) -> list[CheckpointRecord]:
    kind_by_id = checkpoint_kinds(checkpoints)
    return [
        from_row(CheckpointRecord, checkpoint, kind=kind_by_id[checkpoint.id]) for checkpoint in checkpoints
    ]


def event_record(event: Event) -> EventRecord:
    return from_row(EventRecord, event, id=str(event.id))
