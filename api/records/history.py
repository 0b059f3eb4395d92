"""A job's history as the API shows it: losses, samples, checkpoints. Its events are in `events.py`."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic_core import to_json

from api.records.record import Record, Time, from_row
from jobs.lifecycle.checkpoints import checkpoint_kinds
from jobs.store.ids import sample_id
from jobs.store.tables import Checkpoint, Sample
from jobs.store.times import all_as_rfc3339


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
    elapsed_s: float | None
    """Training time of all attempts until then, without pauses and waiting. Null in rows of earlier
    versions."""
    recorded_at: Time


class SampleRecord(Record):
    """A text that the model generated during training."""

    id: str
    """Of the job's own samples."""
    step: int
    epoch: int
    index: int
    """Of the prompt among those of `sampling.start_context`, from 0."""
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


LOSS_FIELDS = tuple(LossRecord.model_fields)
"""What is read of each evaluation. Straight from these values to text, a page takes a twentieth of the time
that a `LossRecord` for each of its rows would."""
TIME = LOSS_FIELDS.index("recorded_at")

LossRow = Sequence[Any]
"""The values of `LOSS_FIELDS`."""


def losses_json(rows: Sequence[LossRow], *, has_more: bool) -> bytes:
    """A page of losses, as a `Listing[LossRecord]` would be."""
    data = [dict(zip(LOSS_FIELDS, row, strict=True)) for row in with_texts_of_times(rows)]
    return to_json({"object": "list", "data": data, "has_more": has_more}, inf_nan_mode="null") + b"\n"


def losses_csv(rows: Sequence[LossRow]) -> bytes:
    """Lines of CSV (RFC 4180); what is null or not finite is empty.

    Numbers and times need no quotes, so that a line is an array of JSON without them, which is written in
    half the time that the module `csv` takes.
    """
    if not rows:
        return b""
    arrays = to_json(with_texts_of_times(rows), inf_nan_mode="null")
    lines = arrays[len("[[") : -len("]]")].replace(b"],[", b"\r\n")
    return lines.replace(b"null", b"").replace(b'"', b"") + b"\r\n"


def with_texts_of_times(rows: Sequence[LossRow]) -> list[LossRow]:
    columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
    if columns:
        columns[TIME] = all_as_rfc3339(columns[TIME])
    return list(zip(*columns, strict=True))


def sample_record(sample: Sample) -> SampleRecord:
    return from_row(SampleRecord, sample, id=sample_id(sample.step, sample.index))


def checkpoint_records(page: list[Checkpoint], checkpoints: list[Checkpoint]) -> list[CheckpointRecord]:
    """
    page         those that are shown
    checkpoints  all of the job's
    """
    kind_by_id = checkpoint_kinds(checkpoints)
    return [from_row(CheckpointRecord, checkpoint, kind=kind_by_id[checkpoint.id]) for checkpoint in page]
