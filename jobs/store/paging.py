"""Pages of lists, the oldest entry first, that go on behind an entry which may have gone meanwhile."""

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import Select, tuple_
from sqlalchemy.orm import Session

from jobs.store.ids import creation_time_us
from jobs.store.lookup import BadCursor
from jobs.store.ownership import KINDS, is_visible
from jobs.validation.quoting import quoted

Row = TypeVar("Row")
Entry = TypeVar("Entry")


def page_of_rows(
    session: Session, query: Select[Row], table: Any, kind: str, limit: int, after: str | None = None
) -> tuple[list[Row], bool]:
    """At most so many of the rows that whoever asks may see, behind the one with the id `after`; and whether
    there are more.

    query   of rows of `table`, which have `id` and `created_at`; whatever limits them but order and number
    kind    with which their ids begin
    raises  BadCursor if there is no such row, and the id does not say when it was made
    """
    if table in KINDS:
        query = query.where(is_visible(table))
    if after is not None:
        row = session.get(table, after)
        created_at = made_at(after, kind) if row is None else row.created_at
        query = query.where(tuple_(table.created_at, table.id) > (created_at, after))
    page = list(session.scalars(query.order_by(table.created_at, table.id).limit(limit + 1)))
    return page[:limit], len(page) > limit


def made_at(cursor: str, kind: str) -> float:
    """When an entry was made that may be gone. raises BadCursor if its id does not tell"""
    created_us = creation_time_us(cursor, kind)
    if created_us is None:
        raise BadCursor(f"after: nothing in the list has, or had, the id {quoted(cursor)}")
    return created_us / 1e6


def page_behind(entries: Sequence[Entry], limit: int, place: int) -> tuple[list[Entry], bool]:
    """The same of entries that are at hand, behind so many of them."""
    return list(entries[place : place + limit]), len(entries) > place + limit
