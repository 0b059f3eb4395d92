"""Finding what people have made, by its id, and jobs by more than that."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, func, select, tuple_
from sqlalchemy.orm import Session

from jobs.states import Status
from jobs.store.database import is_postgresql
from jobs.store.ids import creation_time_us
from jobs.store.ownership import KINDS, NotYours, OwnedRow, is_visible, may_change, may_see
from jobs.store.tables import Checkpoint, Job
from jobs.validation.quoting import quoted


class NotFound(Exception):
    """Nothing has that id; the message says what was asked for."""


ANOTHER_OWNERS_JOB = "another owner's job"
"""Its id is nobody else's business."""


class BadCursor(ValueError):
    """The cursor of a page is the id of no job, present or past."""


@dataclass(frozen=True)
class JobFilter:
    status: Status | None = None
    name: str | None = None
    owner: str | None = None
    labels: dict[str, str] = field(default_factory=dict)
    tags: Sequence[str] = ()
    """All of them."""
    starred: bool | None = None
    archived: bool | None = None


def get_visible(session: Session, table: type[OwnedRow], row_id: str, **options: Any) -> OwnedRow:
    """The row with that id, if whoever asks may see it; by this everything is found that a request names.

    options  of `Session.get`
    raises   NotFound, in the same words for what is another's and what is not there
    """
    row = session.get(table, row_id, **options)
    if row is None or not may_see(row):
        raise NotFound(f"no {KINDS[table]} {quoted(row_id)}")
    return row


def check_access(session: Session, table: type[OwnedRow], row_id: str, *, changes: bool) -> None:
    """Whether whoever asks may see the row with that id, and change it if the request does.

    raises  NotFound as `get_visible`; NotYours
    """
    row = get_visible(session, table, row_id)
    if changes and not may_change(row):
        why = "it was made without a token" if row.owner is None else "its owner has shared it"
        raise NotYours(
            f"you may see the {KINDS[table]} {quoted(row_id)}, since {why}, but only its owner and "
            "administrators may change it"
        )


def get_job(session: Session, job_id: str) -> Job:
    """raises  NotFound, also of one that whoever asks may not see"""
    return get_visible(session, Job, job_id)


def jobs_in_need(session: Session, *needs_it: ColumnElement[bool]) -> str | None:
    """Which jobs need something, in words: how many, and the newest; None if there are none."""
    count = session.scalar(select(func.count()).select_from(Job).where(*needs_it))
    if not count:
        return None
    newest_first = select(Job.id).where(*needs_it, is_visible(Job)).order_by(Job.created_at.desc())
    newest = session.scalars(newest_first.limit(1)).first()
    if count == 1:
        return f"{newest or ANOTHER_OWNERS_JOB} needs it"
    return f"{count:,} jobs need it, " + ("all of other owners" if newest is None else f"such as {newest}")


def list_jobs(
    session: Session, criteria: JobFilter, limit: int, after: str | None = None
) -> tuple[list[Job], bool]:
    """A page of jobs, newest first, behind the job `after`, which may be gone; and whether there are more.

    raises  BadCursor
    """
    query = select(Job).where(is_visible(Job))
    if criteria.status is not None:
        query = query.where(Job.status == criteria.status)
    if criteria.name is not None:
        query = query.where(Job.name == criteria.name)
    if criteria.owner is not None:
        query = query.where(Job.owner == criteria.owner)
    for label, value in criteria.labels.items():
        query = query.where(has_label(session, label, value))
    for tag in criteria.tags:
        query = query.where(has_tag(session, tag))
    if criteria.starred is not None:
        query = query.where(Job.starred.is_(criteria.starred))
    if criteria.archived is not None:
        query = query.where(Job.archived.is_(criteria.archived))
    if after is not None:
        query = query.where(tuple_(Job.created_at, Job.id) < (creation_time(session, after), after))
    page = list(session.scalars(query.order_by(Job.created_at.desc(), Job.id.desc()).limit(limit + 1)))
    return page[:limit], len(page) > limit


def has_label(session: Session, name: str, value: str) -> ColumnElement[bool]:
    """Whether a job has that label."""
    if is_postgresql(session):
        return Job.labels[name].as_string() == value
    # SQLite reaches a member by a path, in which no name with a quote or backslash can be written and none
    # beyond ASCII is found, because it is compared with the escapes that the column holds.
    member = func.json_each(Job.labels).table_valued("key", "value")
    return select(member.c.key).where(member.c.key == name, member.c.value == value).exists()


def has_tag(session: Session, tag: str) -> ColumnElement[bool]:
    """Whether a job has that tag."""
    elements = func.json_array_elements_text if is_postgresql(session) else func.json_each
    entries = elements(Job.tags)
    tags = entries.table_valued("value")
    return select(tags.c.value).where(tags.c.value == tag).exists()


def creation_time(session: Session, job_id: str) -> float:
    """When a job was created, which may have been deleted since. raises BadCursor if the id does not say"""
    job = session.get(Job, job_id)
    if job is not None:
        return job.created_at
    created_us = creation_time_us(job_id)
    if created_us is None:
        raise BadCursor(f"after: no job {quoted(job_id)}")
    return created_us / 1e6


def newest_with_checkpoint(session: Session) -> Job:
    """Of those that whoever asks may see. raises NotFound"""
    has_checkpoint = select(Checkpoint.id).where(Checkpoint.job_id == Job.id).exists()
    with_checkpoint = select(Job).where(has_checkpoint, is_visible(Job))
    job = session.scalar(with_checkpoint.order_by(Job.created_at.desc(), Job.id.desc()).limit(1))
    if job is None:
        raise NotFound("no job has a checkpoint yet")
    return job
