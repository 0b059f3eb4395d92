"""The tables as SQLAlchemy models; `migrations/` creates them.

Every time is seconds since 1970, UTC, by the database's own clock: SQLite and PostgreSQL then compare and add
leases alike, and the hosts' clocks do not matter. The API returns them as RFC 3339.
"""

from typing import Any

from sqlalchemy import JSON, BigInteger, Double, ForeignKey, Index, Integer, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# SQLite increments a key by itself only where it is INTEGER, which is 64 bits wide there.
AutoIncrement = BigInteger().with_variant(Integer(), "sqlite")


class Table(DeclarativeBase):
    type_annotation_map = {dict[str, Any]: JSON, int: BigInteger, str: Text, float: Double}


class Dataset(Table):
    __tablename__ = "datasets"
    __table_args__ = (UniqueConstraint("sha256", "builtin"),)

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


class Preparation(Preparable, Table):
    """Tokens that a worker has yet to write and count, of a text too long to be tokenised in a request.

    Once they are counted (`TokenCount`) the row goes; a failed one stays, with the reason.
    """

    __tablename__ = "preparations"
    __table_args__ = (Index("preparations_in_line", "status", "queued_at"),)

    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True)
    tokenizer: Mapped[str] = mapped_column(primary_key=True)
    train_ratio: Mapped[float] = mapped_column(primary_key=True)


class ImportedModel(Preparable, Table):
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


class Job(Table):
    __tablename__ = "jobs"
    __table_args__ = (
        Index("jobs_by_age", "created_at", "id"),
        Index("jobs_by_status", "status", "lease_expires_at"),
        Index("jobs_in_line", "status", "queue", "priority", "queued_at"),
        Index("jobs_by_parent", "parent_id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str | None]
    status: Mapped[str]
    stopping: Mapped[str | None]
    """A request that the worker has yet to carry out: `cancel` or `pause`."""
    spec: Mapped[dict[str, Any]]
    labels: Mapped[dict[str, Any]]
    """The spec's `metadata`, a name that SQLAlchemy reserves."""
    queue: Mapped[str]
    priority: Mapped[int]
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

    created_at: Mapped[float]
    started_at: Mapped[float | None]
    finished_at: Mapped[float | None]


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
    recorded_at: Mapped[float]


class Sample(Table):
    __tablename__ = "samples"

    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
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
    """The job that it runs, or that it answers a prompt for; a data set or a model from outside likewise."""
    memory_bytes: Mapped[int | None]
    """Memory that it has for a job, on its GPU or of the machine; null where it does not say."""
    trouble: Mapped[str | None]
    """What keeps it from working, in a sentence, if it knows of something."""
    since: Mapped[float]
    """When it began that job, or to wait for one."""
    started_at: Mapped[float]
    heard_at: Mapped[float]


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


class Event(Table):
    __tablename__ = "events"
    __table_args__ = (Index("events_by_job", "job_id", "id"),)

    id: Mapped[int] = mapped_column(AutoIncrement, primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    type: Mapped[str]
    attempt: Mapped[int]
    data: Mapped[dict[str, Any]]
    created_at: Mapped[float]
