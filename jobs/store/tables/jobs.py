"""Jobs."""

from typing import Any

from sqlalchemy import JSON, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from jobs.store.tables.base import Owned, Table


class Job(Owned, Table):
    __tablename__ = "jobs"
    __table_args__ = (
        Index("jobs_by_age", "created_at", "id"),
        Index("jobs_by_status", "status", "lease_expires_at"),
        Index("jobs_in_line", "status", "queue", "priority", "queued_at"),
        Index("jobs_by_parent", "parent_id"),
        Index("jobs_by_claim", "claimed_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    status: Mapped[str]
    stopping: Mapped[str | None]
    """A request that a worker has yet to carry out: `cancel`, `pause` or `finish`. The last one stays when
    the job is queued again, or paused by a full disk."""
    checkpoint_asked_at: Mapped[float | None]
    """When a person asked for a checkpoint; null once it is written, and unless one was asked for."""
    spec: Mapped[dict[str, Any]]
    labels: Mapped[dict[str, Any]]
    """The spec's `metadata`, a name that SQLAlchemy reserves."""
    queue: Mapped[str]
    priority: Mapped[int]
    notes: Mapped[str | None]
    tags: Mapped[list[str]] = mapped_column(JSON, default=list)
    starred: Mapped[bool] = mapped_column(default=False)
    archived: Mapped[bool] = mapped_column(default=False)
    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id"))
    dataset_sha256: Mapped[str]
    validation_dataset_id: Mapped[str | None] = mapped_column(ForeignKey("datasets.id"))
    """The text to validate on, all of it; null where the other one is split."""
    is_prepared: Mapped[bool] = mapped_column(default=True)
    """Whether its texts' tokens are there, so that it may be claimed; before, `total_steps` may be 0."""
    parent_id: Mapped[str | None]
    """The job whose checkpoint it starts from, which may have been deleted since."""
    parent_step: Mapped[int | None]
    """The step of that checkpoint."""
    parent_model_id: Mapped[str | None]
    """The model from outside whose weights it starts from, which may have been deleted since."""
    takes_optimizer: Mapped[bool | None]
    """Whether it goes on from that checkpoint with the optimizer's state, or starts from the weights alone;
    null unless it starts from either."""
    initial_bytes: Mapped[int] = mapped_column(default=0)
    """On disk, of the checkpoint that it starts from; 0 when that is deleted, or there is none."""
    parameters: Mapped[int]
    total_steps: Mapped[int]
    memory_bytes: Mapped[int | None]
    """What it is estimated to need; null for jobs of versions that did not store it."""

    attempt: Mapped[int] = mapped_column(default=0)
    """Claims so far. Every write of a worker carries it and changes nothing once there is a newer one."""
    failures: Mapped[int] = mapped_column(default=0)
    """Crashes since the last new checkpoint."""
    worker: Mapped[str | None]
    lease_expires_at: Mapped[float | None]
    queued_at: Mapped[float | None]
    """When it was last queued."""
    claimed_at: Mapped[float | None]
    """When it was last claimed: owners take turns by this."""
    published_at: Mapped[float | None]
    """Of the version before, whose keeper may still run beside this one: when it last published the job."""

    numerics: Mapped[str | None]
    device: Mapped[str | None]
    threads: Mapped[int | None]
    """What the first attempt resolved. Later ones take its numerics and threads, and the device that there
    is; an event says where that differs."""

    step: Mapped[int] = mapped_column(default=0)
    epoch: Mapped[int] = mapped_column(default=0)
    tokens_seen: Mapped[int] = mapped_column(default=0)
    tokens_per_s: Mapped[float | None]
    remaining_s: Mapped[float | None]
    """Seconds to the end, by the trainer's last estimate; null while it has none."""
    latest_step: Mapped[int | None]
    latest_train_loss: Mapped[float | None]
    latest_val_loss: Mapped[float | None]
    latest_val_bpb: Mapped[float | None]
    best_step: Mapped[int | None]
    best_val_loss: Mapped[float | None]
    best_val_bpb: Mapped[float | None]
    error: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    ended_by: Mapped[str | None]
    """Why a succeeded job ended: see `EndedBy` in `model.config`."""

    request_id: Mapped[str | None]
    """Of the HTTP request that posted it, for the lines of all logs; null for jobs of earlier versions."""
    created_at: Mapped[float]
    started_at: Mapped[float | None]
    finished_at: Mapped[float | None]


class JobVersion(Table):
    """Which version of a job's rows there is: each text is another one whenever they have changed, whoever
    has changed them. Triggers write it (`migrations/triggers.py`), and nothing else does."""

    __tablename__ = "job_versions"

    job_id: Mapped[str] = mapped_column(
        ForeignKey("jobs.id", ondelete="CASCADE", onupdate="CASCADE"), primary_key=True
    )
    job: Mapped[str]
    """Of its row in `jobs`."""
    losses: Mapped[str]
    """Of its evaluations."""
    rewrites: Mapped[str]
    """Of its evaluations too, but the same while rows are only added behind the last step."""
    samples: Mapped[str]
