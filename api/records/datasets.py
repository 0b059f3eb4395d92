"""A data set as the API shows it."""

from typing import Literal

from api.records.record import Record, Time, from_row
from jobs.files.builtin_datasets import BUILTINS
from jobs.store.preparations import FAILED
from jobs.store.tables import Dataset, Preparation

DatasetStatus = Literal["preparing", "ready", "failed"]


class DatasetRecord(Record):
    """A text to train on. Of a built-in one that has not been used yet, most fields are null."""

    id: str
    object: Literal["dataset"] = "dataset"
    name: str
    builtin: bool
    status: DatasetStatus
    """`preparing` while a worker counts the tokens of a long text; jobs may be posted meanwhile, and wait."""
    error: str | None
    """Why it could not be prepared."""
    byte_order_mark: bool | None
    """Whether the stored bytes begin with one. It is not part of the text."""
    characters: int | None
    """Of the text; each document has one more, which ends it."""
    documents: int | None
    """0 if the text is plain."""
    longest_document: int | None
    """Its characters; null if the text is plain."""
    tokens: int | None
    """GPT-2 tokens of both its parts at the default `train_ratio`; null until they have been counted."""
    bytes: int | None
    """Size of the stored text, in UTF-8."""
    sha256: str | None
    """Of the bytes."""
    first_lines: str | None
    created_at: Time | None


class AddedDatasetRecord(DatasetRecord):
    """A text to train on that has just been sent."""

    notices: list[str]
    """What the sender should know, in sentences: the same text is stored already under another name, it
    begins with a byte order mark, it names the end of a text, or documents without text were left out."""


class TextPartRecord(Record):
    """A part of a text."""

    object: Literal["text"] = "text"
    dataset_id: str
    offset: int
    """Characters before it."""
    text: str
    """U+0000 ends each document."""
    characters: int
    """Of the whole text."""
    has_more: bool
    """Whether the text goes on behind it."""


def dataset_record(dataset: Dataset, tokens: int | None, preparation: Preparation | None) -> DatasetRecord:
    """preparation  that of the tokens, if it is not done"""
    status: DatasetStatus = "ready"
    if preparation is not None:
        status = "failed" if preparation.status == FAILED else "preparing"
    return from_row(
        DatasetRecord,
        dataset,
        status=status,
        error=None if preparation is None else preparation.error,
        tokens=tokens,
        byte_order_mark=bool(dataset.text_start_bytes),
    )


def builtin_record(name: str) -> DatasetRecord:
    """A built-in data set that nobody has used yet."""
    unknown = dict.fromkeys(
        [
            "error",
            "byte_order_mark",
            "characters",
            "documents",
            "longest_document",
            "tokens",
            "bytes",
            "first_lines",
            "created_at",
        ]
    )
    return DatasetRecord(
        id=name, name=name, builtin=True, status="ready", sha256=BUILTINS[name].sha256, **unknown
    )
