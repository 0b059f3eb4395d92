"""Whose jobs, data sets, tokenizers and models are, and who sees and changes them.

What is somebody's own others neither see nor can tell from what is not there. Its owner may share it: then
all see it, and only its owner and administrators change it. What was made while the service had no tokens is
nobody's: it counts as shared, and administrators change it.
"""

from collections.abc import Collection
from typing import Any, Protocol, TypeVar

from sqlalchemy import ColumnElement, or_, select, true, update
from sqlalchemy.orm import Session

from jobs.store.tables import Dataset, ImportedModel, Job, TrainedTokenizer
from jobs.store.viewers import Right, viewer

Owned = Job | Dataset | TrainedTokenizer | ImportedModel
OwnedRow = TypeVar("OwnedRow", bound=Owned)
KINDS: dict[Any, str] = {
    Job: "job",
    Dataset: "data set",
    TrainedTokenizer: "tokenizer",
    ImportedModel: "model",
}
"""Their names in messages."""


class NotYours(Exception):
    """What somebody may see, but not change; the message says why."""


def is_visible(table: type[Owned]) -> ColumnElement[bool]:
    """Whether whoever asks may see a row. Every list of what people have made takes this condition."""
    asking = viewer()
    if asking.right is Right.ADMIN:
        return true()
    return or_(table.owner.is_(None), table.owner == asking.owner, table.shared.is_(True))


def is_changeable(table: type[Owned]) -> ColumnElement[bool]:
    """Whether whoever asks may change a row. Whatever changes many at once takes this condition."""
    asking = viewer()
    return true() if asking.right is Right.ADMIN else table.owner == asking.owner


class Possession(Protocol):
    """What has an owner: a row, or what was read of one."""

    @property
    def owner(self) -> str | None: ...

    @property
    def shared(self) -> bool: ...


def may_see(row: Possession) -> bool:
    """Whether whoever asks may see it."""
    asking = viewer()
    return asking.right is Right.ADMIN or row.owner in (None, asking.owner) or row.shared


def may_change(row: Owned) -> bool:
    """Whether whoever asks may change, share and delete it."""
    asking = viewer()
    return asking.right is Right.ADMIN or (row.owner is not None and row.owner == asking.owner)


def visible_ids(session: Session, ids: Collection[str]) -> set[str]:
    """Those of the ids, of whatever kind, that whoever asks may see."""
    if viewer().right is Right.ADMIN:
        return set(ids)
    found: set[str] = set()
    for table in KINDS:
        found.update(session.scalars(select(table.id).where(table.id.in_(ids), is_visible(table))))
    return found


def set_shared(session: Session, table: type[Owned], row_id: str, *, shared: bool) -> None:
    """Let all see it, or no longer. What it is made from is not shared with it."""
    session.execute(update(table).where(table.id == row_id).values(shared=shared))
