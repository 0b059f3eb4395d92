"""What all tables share: how Python's types are stored, and columns that several have."""

from typing import Any

from sqlalchemy import JSON, BigInteger, Double, Integer, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# SQLite increments a key by itself only where it is INTEGER, which is 64 bits wide there.
AutoIncrement = BigInteger().with_variant(Integer(), "sqlite")


class Table(DeclarativeBase):
    type_annotation_map = {dict[str, Any]: JSON, int: BigInteger, str: Text, float: Double}


class Owned:
    """The columns of what people make: see `jobs.store.ownership`."""

    owner: Mapped[str | None]
    """That of the token it was made with; null where none was needed, and for built-in data sets."""
    shared: Mapped[bool] = mapped_column(default=False)
    """Whether all may see it."""


class Preparable:
    """The columns of what a worker of the queue `prepare` does under a lease."""

    status: Mapped[str]
    """`queued`, `running` or `failed`; `ready` where the row stays when it is done."""
    queued_at: Mapped[float]
    attempt: Mapped[int] = mapped_column(default=0)
    """Claims so far: fences off a worker that was given up."""
    failures: Mapped[int] = mapped_column(default=0)
    """Workers that were lost with it."""
    worker: Mapped[str | None]
    lease_expires_at: Mapped[float | None]
    fraction: Mapped[float] = mapped_column(default=0.0)
    """Of the text, or of a model's weights, that is done."""
    error: Mapped[str | None]
    request_id: Mapped[str | None]
    """Of the request that has asked for it, for the logs."""
