"""Who has changed what: an entry for each request that changes something.

An entry is written in the first transaction that it tells of: of what has been committed there is one,
wherever a process dies, and what can't be recorded is not done. `audited` says of which request the
transactions of its block are.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, delete, event, insert, select, update
from sqlalchemy.orm import Session

from jobs.store.database import Database, before_commit, each_write, inserted_rows, now_s
from jobs.store.events import PENDING
from jobs.store.tables import (
    AuditEntry,
    Dataset,
    ImportedModel,
    Job,
    Token,
    TrainedTokenizer,
    Webhook,
)
from jobs.store.viewers import viewer

NAMED = (Dataset, ImportedModel, Job, Token, TrainedTokenizer, Webhook)
"""The rows whose ids an entry has, when they are new."""
MAX_IDS = 100
"""Of an entry."""


@dataclass
class Audited:
    """A request or a command that may change something."""

    action: str
    """Method and route, or the command."""
    ids: Sequence[str] = ()
    """Of what it is about."""
    request_id: str | None = None
    status: int | None = None
    """Of the answer if all goes well; None for a command."""
    entry: int | None = None
    """What has been committed of it."""
    entry_ids: list[str] = field(default_factory=list)


@contextmanager
def audited(what: Audited) -> Iterator[None]:
    """Record the writing transactions of this thread's block."""
    before = each_write.set(partial(watch, what))
    try:
        yield
    finally:
        each_write.reset(before)


def watch(what: Audited, session: Session) -> None:
    """Record what a transaction that begins now does, before the events, which hold a lock until it ends."""
    new_ids: list[str] = []

    @event.listens_for(session, "after_flush")
    def note_new(session: Session, _: Any) -> None:
        new_ids.extend(row.id for row in session.new if isinstance(row, NAMED))

    before_commit(session, partial(record, what, new_ids))


def record(what: Audited, new_ids: Sequence[str], session: Session) -> None:
    """Write the entry, or add to it what a later transaction of the same request has changed."""
    session.flush()
    inserted = [str(values["id"]) for table, values in inserted_rows(session) if issubclass(table, NAMED)]
    of_events = [told["job_id"] for told in session.info.get(PENDING, [])]
    ids = list(dict.fromkeys([*what.ids, *what.entry_ids, *new_ids, *inserted, *of_events]))[:MAX_IDS]
    if what.entry is not None:
        if ids != what.entry_ids:
            session.execute(update(AuditEntry).where(AuditEntry.id == what.entry).values(ids=ids))
        entry = what.entry
    elif ids or what.request_id is not None:
        entry = insert_entry(session, what, ids)
    else:
        return  # a command that has found nothing to do

    @event.listens_for(session, "after_commit")
    def confirm(_: Session) -> None:
        what.entry, what.entry_ids = entry, ids


def insert_entry(session: Session, what: Audited, ids: list[str]) -> int:
    asking = viewer()
    values = {
        "created_at": now_s(),
        "request_id": what.request_id,
        "token_id": asking.token_id,
        "token_name": asking.token_name,
        "owner": asking.owner,
        "action": what.action,
        "ids": ids,
        "status": what.status,
    }
    return session.execute(insert(AuditEntry).values(**values).returning(AuditEntry.id)).scalar_one()


def correct_status(database: Database, what: Audited, status: int) -> None:
    """Have the entry say how the request was really answered."""
    with database.write() as session:
        session.execute(update(AuditEntry).where(AuditEntry.id == what.entry).values(status=status))


def list_entries(
    session: Session, limit: int, before_id: int | None = None, since_s: float | None = None
) -> tuple[list[AuditEntry], bool]:
    """At most so many, the newest first, and whether there are more.

    before_id  only those that were recorded before this one
    since_s    only those from then on, in seconds since 1970
    """
    wanted: list[ColumnElement[bool]] = []
    if before_id is not None:
        wanted.append(AuditEntry.id < before_id)
    if since_s is not None:
        wanted.append(AuditEntry.created_at >= since_s)
    query = select(AuditEntry).where(*wanted).order_by(AuditEntry.id.desc()).limit(limit + 1)
    entries = list(session.scalars(query))
    return entries[:limit], len(entries) > limit


def forget_old_entries(session: Session, min_age_s: float) -> None:
    session.execute(delete(AuditEntry).where(AuditEntry.created_at < now_s() - min_age_s))
