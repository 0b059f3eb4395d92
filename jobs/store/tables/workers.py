"""Workers, by what they say of themselves."""

from typing import Any

from sqlalchemy.orm import Mapped, mapped_column

from jobs.store.tables.base import Table


class Worker(Table):
    """A process that takes jobs or prompts, by its last heartbeat."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(primary_key=True)
    queue: Mapped[str]
    host: Mapped[str]
    pid: Mapped[int]
    listening: Mapped[bool]
    """Whether its consumer's event loop still turns, so that it would receive a message."""
    job_id: Mapped[str | None]
    """The job that it runs, or that it answers a prompt for; a data set, a tokenizer or a model from outside
    likewise."""
    memory_bytes: Mapped[int | None]
    """Memory that it has for a job, on its GPU or of the machine; null where it does not say."""
    device: Mapped[str | None]
    """What it trains on: a GPU's name, or `cpu`; null where it does not say."""
    calibration: Mapped[dict[str, Any] | None]
    """How fast its machine trains: a `model.estimate.machine.Calibration`; null until that is measured."""
    trouble: Mapped[str | None]
    """What keeps it from working, in a sentence, if it knows of something."""
    since: Mapped[float]
    """When it began that job, or to wait for one."""
    started_at: Mapped[float]
    heard_at: Mapped[float]
