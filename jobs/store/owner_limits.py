"""What one owner may have: jobs in the queue, and bytes stored. So one person leaves room to the others.

What is made without a token has no owner and is not counted: it comes from this machine.
"""

from collections.abc import Iterable, Iterator

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from jobs.settings import Settings
from jobs.states import Status
from jobs.store.database import lock_name
from jobs.store.tables import Checkpoint, Dataset, ImportedModel, Job
from jobs.store.viewers import viewer

AT_ONCE = 64
"""More requests that add a job than the service answers at the same time: whoever is further from the limit
than that can't pass it by them, and does not wait for the others."""


class TooManyQueued(Exception):
    """The owner has as many jobs in the queue as are allowed; the message says so."""


class StoreUsedUp(Exception):
    """The owner may not store so many bytes more; the message says so."""


def check_queued(session: Session, settings: Settings) -> None:
    """To be called in the transaction that adds a job. raises  TooManyQueued"""
    owner, most = viewer().owner, settings.max_queued_jobs
    if owner is None or not most or queued_jobs(session, owner) + AT_ONCE < most:
        return
    lock_name(session, f"queue of {owner}")
    if (queued := queued_jobs(session, owner)) >= most:
        raise TooManyQueued(
            f"{queued:,} jobs of this owner wait in the queue already; the limit is {most:,} "
            "(PRETRAIN_MAX_QUEUED_JOBS). One more is taken when one of them has begun or is cancelled"
        )


def queued_jobs(session: Session, owner: str) -> int:
    count = select(func.count()).select_from(Job).where(Job.owner == owner, Job.status == Status.QUEUED)
    return session.execute(count).scalar_one()


def left_bytes(session: Session, settings: Settings, owner: str | None) -> int | None:
    """How many bytes more an owner may store; below 0 if jobs have written more than was left. None: any
    number."""
    if owner is None or not settings.max_stored_bytes:
        return None
    return settings.max_stored_bytes - stored_bytes(session, owner)


def check_stored(session: Session, settings: Settings) -> None:
    """To be called in the transaction that has added something. raises  StoreUsedUp"""
    owner, most = viewer().owner, settings.max_stored_bytes
    if owner is None or not most:
        return
    session.flush()
    lock_name(session, f"store of {owner}")  # what others add at the same time is seen, or sees this
    if (stored := stored_bytes(session, owner)) > most:
        raise used_up(settings, stored - most)


class Room:
    """For what arrives.

    left  bytes that its owner may store; None: any number
    """

    def __init__(self, settings: Settings, left: int | None) -> None:
        self.bytes = 0
        """That have arrived."""
        self._settings, self._left = settings, left

    def measured(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """The same blocks. raises  StoreUsedUp behind the last one that there is room for"""
        for block in blocks:
            self.bytes += len(block)
            self.check(self.bytes)
            yield block

    def check(self, count: int) -> None:
        """raises  StoreUsedUp if so many bytes are too many"""
        if self._left is not None and count > self._left:
            raise used_up(self._settings, count - self._left)


def used_up(settings: Settings, excess: int) -> StoreUsedUp:
    return StoreUsedUp(
        f"it is {excess:,} bytes more than its owner may store: all data sets, models and checkpoints of an "
        f"owner may have {settings.max_stored_bytes:,} (PRETRAIN_MAX_STORED_BYTES). Delete some"
    )


def stored_bytes(session: Session, owner: str) -> int:
    """Of all data sets, models and checkpoints of an owner: each as if nobody else had the same."""
    own_jobs = select(Job.id).where(Job.owner == owner)
    sums: list[Select[int]] = [
        total(Dataset.bytes).where(Dataset.owner == owner),
        total(ImportedModel.bytes).where(ImportedModel.owner == owner),
        total(Job.initial_bytes).where(Job.owner == owner),
        total(Checkpoint.bytes).where(Checkpoint.job_id.in_(own_jobs)),
    ]
    return sum(int(session.execute(each).scalar_one()) for each in sums)


def total(column: object) -> Select[int]:
    return select(func.coalesce(func.sum(column), 0))
