"""What a job leaves behind while it goes on."""

from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from jobs.store.tables.base import AutoIncrement, Table


class Evaluation(Table):
    __tablename__ = "evaluations"
    # The lowest validation loss is looked for whenever one is recorded.
    __table_args__ = (Index("evaluations_by_loss", "job_id", "val_loss", "step"),)

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    epoch: Mapped[int]
    tokens_seen: Mapped[int]
    train_loss: Mapped[float]
    val_loss: Mapped[float]
    val_bpb: Mapped[float | None]
    """Bits per byte; null in rows of versions that did not measure it."""
    learning_rate: Mapped[float]
    grad_norm: Mapped[float | None]
    tokens_per_s: Mapped[float | None]
    elapsed_s: Mapped[float | None]
    """Training time of all attempts so far; null in rows of versions that did not measure it."""
    recorded_at: Mapped[float]


class Sample(Table):
    __tablename__ = "samples"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    index: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, default=0)
    """Of the prompt among those of the spec."""
    epoch: Mapped[int]
    prompt: Mapped[str]
    text: Mapped[str]
    recorded_at: Mapped[float]


class Checkpoint(Table):
    __tablename__ = "checkpoints"
    __table_args__ = (UniqueConstraint("job_id", "step"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    step: Mapped[int]
    epoch: Mapped[int]
    train_loss: Mapped[float | None]
    val_loss: Mapped[float]
    bytes: Mapped[int]
    sha256: Mapped[str]
    directory: Mapped[str]
    """Relative to the artifacts' root."""
    resumable: Mapped[bool]
    """Whether the optimizer's state is still there, not the weights alone."""
    created_at: Mapped[float]


class DeviceMetrics(Table):
    """What a job's trainer took of its machine at one moment; null is what can't be measured there."""

    __tablename__ = "device_metrics"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Of the reading: see `jobs.lifecycle.metrics`."""
    attempt: Mapped[int]
    step: Mapped[int]
    elapsed_s: Mapped[float]
    """For how long the job's attempts had run."""
    tokens_per_s: Mapped[float | None]
    mfu: Mapped[float | None]
    cpu_percent: Mapped[float | None]
    memory_bytes: Mapped[int | None]
    gpu_utilization: Mapped[float | None]
    gpu_memory_bytes: Mapped[int | None]
    gpu_power_w: Mapped[float | None]
    recorded_at: Mapped[float]


class AlertFiring(Table):
    """A rule of a job's alerts that has held: see `jobs.lifecycle.alerts`."""

    __tablename__ = "alert_firings"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    rule: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Its place in the spec's list, from 0."""
    step: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Of the evaluation at which it fired."""
    cleared_step: Mapped[int | None]
    """Of the first evaluation after it at which the rule did not hold; null while it stands."""


class Event(Table):
    """Something that happened to a job: see `jobs.store.events`."""

    __tablename__ = "events"
    __table_args__ = (
        Index("events_by_job", "job_id", "id"),
        Index(
            "events_of_deleted_jobs",
            "created_at",
            sqlite_where=text("type = 'deleted'"),
            postgresql_where=text("type = 'deleted'"),
        ),
        # SQLite would otherwise give the number of a deleted row to the next one.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(AutoIncrement, primary_key=True)
    """In the order of commits."""
    job_id: Mapped[str]
    """Without a reference: that a job was deleted is told for some days after."""
    type: Mapped[str]
    attempt: Mapped[int]
    data: Mapped[dict[str, Any]]
    created_at: Mapped[float]
