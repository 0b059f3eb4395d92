"""Data sets, the counts of their tokens, and texts that a worker has yet to tokenise."""

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from jobs.store.tables.base import Owned, Preparable, Table


class Dataset(Owned, Table):
    __tablename__ = "datasets"
    # Each owner has a row of their own for the same content. No null equals another, so these need an index.
    __table_args__ = (
        UniqueConstraint("sha256", "builtin", "owner", name="datasets_of_owner"),
        Index(
            "datasets_without_owner",
            "sha256",
            "builtin",
            unique=True,
            sqlite_where=text("owner IS NULL"),
            postgresql_where=text("owner IS NULL"),
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    builtin: Mapped[bool]
    sha256: Mapped[str]
    """Of the bytes as they were sent. It is the name of the text's file too: equal content is stored once."""
    text_start_bytes: Mapped[int] = mapped_column(default=0)
    """Of those bytes, how many come before the text: 3 where there is a byte order mark. In data sets that
    earlier versions stored, 0: the mark is part of the text that their jobs were trained on."""
    characters: Mapped[int]
    """Of the text, the ends of documents included."""
    documents: Mapped[int] = mapped_column(default=0)
    """0 if the text is plain."""
    longest_document: Mapped[int | None]
    """Its characters; null if the text is plain."""
    bytes: Mapped[int]
    first_lines: Mapped[str]
    created_at: Mapped[float]


class TokenCount(Table):
    """Tokens of both splits of a data set, counted once."""

    __tablename__ = "token_counts"

    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True)
    tokenizer: Mapped[str] = mapped_column(primary_key=True)
    train_ratio: Mapped[float] = mapped_column(primary_key=True)
    train_tokens: Mapped[int]
    val_tokens: Mapped[int]
    vocab_size: Mapped[int | None]
    used_tokens: Mapped[int | None]
    """Of the vocabulary's tokens, how many occur; null where an earlier version has counted."""
    longest_document_tokens: Mapped[int | None]
    """Without its end; null if the text is plain."""


class Preparation(Preparable, Table):
    """Tokens that a worker has yet to write and count, of a text too long to be tokenised in a request.

    Once they are counted (`TokenCount`) the row goes; a failed one stays, with the reason.
    """

    __tablename__ = "preparations"
    __table_args__ = (Index("preparations_in_line", "status", "queued_at"),)

    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True)
    tokenizer: Mapped[str] = mapped_column(primary_key=True)
    train_ratio: Mapped[float] = mapped_column(primary_key=True)
