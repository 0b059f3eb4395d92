"""What a worker makes of what people have sent: tokenizers, and models from outside."""

from typing import Any

from sqlalchemy import JSON, Index
from sqlalchemy.orm import Mapped, mapped_column

from jobs.store.tables.base import Owned, Preparable, Table


class TrainedTokenizer(Preparable, Owned, Table):
    """A tokenizer that a worker trains, or has trained, on a data set."""

    __tablename__ = "tokenizers"
    __table_args__ = (Index("tokenizers_in_line", "status", "queued_at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    dataset_id: Mapped[str]
    """What it is trained on. Once it is ready, the data set may be deleted."""
    dataset_sha256: Mapped[str]
    asked_vocab_size: Mapped[int]
    vocab_size: Mapped[int | None]
    """What came out, less than what was asked of a text too small for it; null until it is ready."""
    sha256: Mapped[str | None]
    """Of its ranks. It is the name of its file too: equal tokenizers are stored once. Null until ready."""
    measured_bytes: Mapped[int | None]
    """Of the start of its own text, of which the tokens are these."""
    measured_tokens: Mapped[int | None]
    measured_gpt2_tokens: Mapped[int | None]
    created_at: Mapped[float]


class ImportedModel(Preparable, Owned, Table):
    """Weights from outside. A worker of the queue `prepare` checks the files that were sent, and makes a
    checkpoint of them."""

    __tablename__ = "models"
    __table_args__ = (Index("models_in_line", "status", "queued_at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    bytes: Mapped[int]
    """Of the files as they were sent; once it is ready, of its checkpoint."""
    upload_directory: Mapped[str | None]
    """Where the files as they were sent lie, relative to the artifacts' root, until a worker is done."""
    directory: Mapped[str | None]
    """Of the checkpoint, relative to the artifacts' root; this and all below is null until it is ready."""
    sha256: Mapped[str | None]
    """Of the checkpoint's weights."""
    tokenizer: Mapped[str | None]
    config: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """As the section `model` of a spec."""
    parameters: Mapped[int | None]
    created_at: Mapped[float]
