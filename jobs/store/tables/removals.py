"""What has been deleted, and whose files have yet to be."""

from sqlalchemy.orm import Mapped, mapped_column

from jobs.store.tables.base import Table


class Removal(Table):
    """A deleted job whose folder has yet to be deleted."""

    __tablename__ = "removals"

    job_id: Mapped[str] = mapped_column(primary_key=True)


class ModelRemoval(Table):
    """A deleted model whose files have yet to be deleted."""

    __tablename__ = "model_removals"

    model_id: Mapped[str] = mapped_column(primary_key=True)


class TextRemoval(Table):
    """A text whose files have yet to be deleted if no data set has it: that of a deleted one, or one that
    was about to be listed."""

    __tablename__ = "text_removals"

    sha256: Mapped[str] = mapped_column(primary_key=True)


class TokenizerRemoval(Table):
    """A tokenizer's file that has yet to be deleted if no tokenizer has it: see `TextRemoval`."""

    __tablename__ = "tokenizer_removals"

    sha256: Mapped[str] = mapped_column(primary_key=True)
