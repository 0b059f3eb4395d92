"""Disk space as the API shows it: who takes it, and what could be freed or has been."""

from collections.abc import Sequence
from typing import Literal

from api.records.record import Record
from jobs.lifecycle.pruning import JobDisk, Needless
from jobs.states import Status


class JobDiskRecord(Record):
    """What a job takes of the disk."""

    id: str
    name: str | None
    status: Status
    starred: bool
    archived: bool
    checkpoints: int
    """How many it keeps."""
    bytes: int
    """As its `disk_bytes`."""
    freeable_bytes: int
    """What `POST /disk/prune` would free of that with an empty body: 0 while it has not ended, and if it is
    starred."""


class DiskRecord(Record):
    """The disk that data sets and checkpoints lie on."""

    object: Literal["disk"] = "disk"
    total_bytes: int
    free_bytes: int
    datasets_bytes: int
    """Texts and trained tokenizers."""
    tokens_bytes: int
    """Texts' tokens, which are written again when they are missing."""
    models_bytes: int
    """Models from outside."""
    jobs_bytes: int
    """Of all jobs together."""
    freeable_bytes: int
    data: list[JobDiskRecord]
    """The jobs that take any, the largest first."""
    has_more: bool
    """Whether there are more jobs than `limit`."""


class PrunedRecord(Record):
    """A checkpoint, or an optimizer's state in one."""

    job_id: str
    step: int
    """The checkpoint's."""
    what: Literal["checkpoint", "optimizer"]
    """`checkpoint`: all of it; `optimizer`: its optimizer's state, the weights stay."""
    bytes: int


class PruneRecord(Record):
    """What has been deleted, or with `dry_run` would be."""

    object: Literal["prune"] = "prune"
    dry_run: bool
    bytes: int
    """Of all together. What a fork of the checkpoint still has is freed when that goes too."""
    data: list[PrunedRecord]


def job_disk_record(disk: JobDisk) -> JobDiskRecord:
    job = disk.job
    return JobDiskRecord(
        id=job.id,
        name=job.name,
        status=Status(job.status),
        starred=job.starred,
        archived=job.archived,
        checkpoints=disk.checkpoints,
        bytes=disk.bytes,
        freeable_bytes=disk.freeable_bytes,
    )


def prune_record(entries: Sequence[Needless], *, dry_run: bool) -> PruneRecord:
    data = [
        PrunedRecord(job_id=entry.job_id, step=entry.step, what=entry.what, bytes=entry.bytes)
        for entry in entries
    ]
    return PruneRecord(dry_run=dry_run, bytes=sum(entry.bytes for entry in entries), data=data)
