"""The queue: the jobs with status `queued`, in the order in which workers claim them.

By priority; then owners take turns: whose fewest jobs run, and of these whose last turn is longest ago; then
by how long the job has waited. It is all looked up whenever a worker claims, so a priority counts as it is
then.
"""

from collections.abc import Sequence
from functools import cache

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    ScalarSelect,
    Select,
    Subquery,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from jobs.spec.job_spec import PRIORITIES
from jobs.states import Status
from jobs.store.database import now_s
from jobs.store.tables import Job

TURNS_REMEMBERED_S = 24 * 3600
"""After which an owner counts as not served yet."""

ASKED: BindParameter[str] = bindparam("job_ids", expanding=True)
"""The ids of the jobs whose positions are asked for."""


def owner_of(job: type[Job]) -> ColumnElement[str]:
    """What was made without tokens belongs to one owner, as far as the queue is concerned."""
    return func.coalesce(job.owner, literal_column("''"))


def turns() -> Subquery:
    """By queue and owner: how many of their jobs run, and when one was last claimed."""
    served = aliased(Job)
    is_running = served.status == Status.RUNNING
    counted = (
        select(
            served.queue,
            owner_of(served).label("owner"),
            func.sum(case((is_running, 1), else_=0)).label("running"),
            func.max(served.claimed_at).label("claimed_at"),
        )
        .where(or_(is_running, served.claimed_at > now_s() - TURNS_REMEMBERED_S))
        .group_by(served.queue, owner_of(served))
    )
    return counted.subquery()


def first_in_line(queue: str, memory_bytes: int | None) -> ScalarSelect[str]:
    """The id of the job that a worker of `queue` is to claim, as a subquery; null if none waits that fits it.

    On PostgreSQL it locks that job's row, and passes over those that others are claiming at this moment.

    memory_bytes  what the worker has for a job; None if it does not know, and takes any
    """
    turn = turns()
    waiting = select(Job.id).outerjoin(turn, is_turn_of(turn, Job)).where(*is_ready(), Job.queue == queue)
    if memory_bytes is not None:
        waiting = waiting.where(fits(memory_bytes))
    order = (Job.priority.desc(), running(turn), last_claim(turn), Job.queued_at, Job.id)
    first = waiting.order_by(*order).limit(1).with_for_update(skip_locked=True, of=Job)
    return first.correlate(None).scalar_subquery()


def is_ready() -> tuple[ColumnElement[bool], ...]:
    """Whether a job may be claimed: it is queued, and its text prepared."""
    return Job.status == Status.QUEUED, Job.is_prepared.is_(True)


def fits(memory_bytes: int | InstrumentedAttribute[int | None]) -> ColumnElement[bool]:
    """Whether that much memory is enough for a job; it is for one of which it is not known what it needs."""
    return or_(Job.memory_bytes.is_(None), Job.memory_bytes <= memory_bytes)


def queue_positions(session: Session, job_ids: Sequence[str]) -> dict[str, int]:
    """By the ids of those of the jobs that are queued, their positions in their queues, from 1: the order in
    which workers would claim them if none of the running jobs ended."""
    owners = session.scalar(waiting_owners())
    statement = positions_of_one_owner() if owners == 1 else positions_by_turns()
    rows = session.execute(statement, {"job_ids": list(job_ids)})
    return {row.id: row.position for row in rows}


# Statements of this size take longer to make than to run, so each is made once.


@cache
def waiting_owners() -> Select[int]:
    """How many owners have jobs that are queued."""
    return select(func.count(owner_of(Job).distinct())).where(Job.status == Status.QUEUED)


@cache
def positions_of_one_owner() -> Select[tuple[str, int]]:
    """The positions if only one owner's jobs wait, who takes every turn."""
    order = (Job.priority.desc(), Job.queued_at, Job.id)
    position = func.row_number().over(partition_by=Job.queue, order_by=order).label("position")
    placed = select(Job.id, position).where(Job.status == Status.QUEUED).subquery()
    return select(placed.c.id, placed.c.position).where(placed.c.id.in_(ASKED))


@cache
def positions_by_turns() -> Select[tuple[str, int]]:
    """The positions of several owners' jobs."""
    turn = turns()
    own = (Job.queue, owner_of(Job))
    age = (Job.queued_at, Job.id)
    place = (Job.priority.desc(), *age)
    queued = (
        select(
            Job.id,
            Job.queue,
            Job.priority,
            (running(turn) + func.row_number().over(partition_by=own, order_by=place)).label("claims"),
            func.row_number().over(partition_by=(*own, Job.priority), order_by=age).label("rank"),
            *(
                func.sum(case((Job.priority == p, 1), else_=0)).over(partition_by=own).label(f"at_{p}")
                for p in PRIORITIES
            ),
            last_claim(turn).label("last_claim"),
            func.first_value(Job.queued_at).over(partition_by=own, order_by=place).label("first_queued_at"),
            func.first_value(Job.id).over(partition_by=own, order_by=place).label("first_id"),
        )
        .outerjoin(turn, is_turn_of(turn, Job))
        .where(Job.status == Status.QUEUED)
        .subquery()
    )
    row = queued.c
    # Of two owners with as many jobs it is the turn of the one whose job before this one was claimed earlier.
    # The fewer jobs an owner has of the same priority before this one, the sooner that one was of a higher
    # priority, or none of those that wait here; if they are as many, the next higher priority decides alike.
    # Owners who have had the same all the way go in the order of their first round.
    higher = [case((row.priority < p, row[f"at_{p}"]), else_=0) for p in PRIORITIES]
    turn_order = (row.claims, row.rank, *higher, row.last_claim, row.first_queued_at, row.first_id)
    order = (row.priority.desc(), *turn_order)
    position = func.row_number().over(partition_by=row.queue, order_by=order).label("position")
    placed = select(row.id, position).subquery()
    return select(placed.c.id, placed.c.position).where(placed.c.id.in_(ASKED))


def is_turn_of(turn: Subquery, job: type[Job]) -> ColumnElement[bool]:
    return and_(turn.c.queue == job.queue, turn.c.owner == owner_of(job))


def running(turn: Subquery) -> ColumnElement[int]:
    """Of its owner's jobs, how many."""
    return func.coalesce(turn.c.running, 0)


def last_claim(turn: Subquery) -> ColumnElement[float]:
    """Of a job of its owner."""
    return func.coalesce(turn.c.claimed_at, 0.0)
