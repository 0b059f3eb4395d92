"""Long loss histories downsampled to as many points as a plot can show, without losing a spike."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import CTE, BigInteger, ColumnElement, ScalarSelect, Select, cast, func, select
from sqlalchemy.orm import Session

from jobs.store.tables import Evaluation

MIN_POINTS = 6
"""The first evaluation, the last, and both extremes of both losses."""
MAX_POINTS = 10_000
POINTS_PER_BUCKET = 4

COLUMNS = Evaluation.__table__.columns
"""Of rows that are read by the thousand: those of the class itself take the ORM half as long again."""


def check_points(max_points: int) -> None:
    """raises  ValueError for fewer points than `MIN_POINTS`"""
    if max_points < MIN_POINTS:
        raise ValueError(f"must be at least {MIN_POINTS} points, not {max_points:,}")


def downsampled_steps(
    session: Session, job_id: str, max_points: int, since_step: int = -1, until_step: int | None = None
) -> list[int] | None:
    """The steps of at most `max_points` evaluations of later steps than `since_step`, up to `until_step`, in
    order. None if they are no more: all of them.

    The steps are cut into buckets of equal width, of each of which those with the least and the greatest
    train and validation loss are returned (of equals, the first), besides the first evaluation and the last.
    The database looks for them: it takes seconds for a hundred thousand, and `LossCurves` finds the same in
    memory.

    raises  ValueError for fewer points than `MIN_POINTS`
    """
    check_points(max_points)
    evaluations = evaluations_between(job_id, since_step, until_step)
    count, first, last = session.execute(
        evaluations.with_only_columns(func.count(), func.min(Evaluation.step), func.max(Evaluation.step))
    ).one()
    if count <= max_points:
        return None
    n_buckets = (max_points - 2) // POINTS_PER_BUCKET
    return sorted({first, last, *extreme_steps(session, job_id, first, last, n_buckets)})


def evaluations_between(job_id: str, since_step: int, until_step: int | None) -> Select[Evaluation]:
    """The query of evaluations of later steps than `since_step`, up to `until_step`; None for all."""
    later = select(Evaluation).where(Evaluation.job_id == job_id, Evaluation.step > since_step)
    return later if until_step is None else later.where(Evaluation.step <= until_step)


def columns_between(
    names: Sequence[str], job_id: str, since_step: int, until_step: int | None = None
) -> Select[Any]:
    """The query of these columns of the same evaluations, in the order of their steps."""
    later = select(*(COLUMNS[name] for name in names)).where(
        COLUMNS.job_id == job_id, COLUMNS.step > since_step
    )
    if until_step is not None:
        later = later.where(COLUMNS.step <= until_step)
    return later.order_by(COLUMNS.step)


def extreme_steps(session: Session, job_id: str, first: int, last: int, n_buckets: int) -> set[int]:
    """The steps whose losses are least or greatest in their bucket of the steps from `first` to `last`."""
    width = -(-(last - first + 1) // n_buckets)
    buckets = bucket_starts(first, last, width)
    extremes = [
        first_step_by(order, job_id, buckets, width, last)
        for loss in (Evaluation.train_loss, Evaluation.val_loss)
        # The sum keeps the planner from an index on the loss, which it would walk through for each bucket.
        for order in ((loss + 0.0).asc(), (loss + 0.0).desc())
    ]
    rows = session.execute(select(*extremes).select_from(buckets))
    return {step for row in rows for step in row if step is not None}  # a bucket may be empty


def bucket_starts(first: int, last: int, width: int) -> CTE:
    """A row with the first step, `start`, of each bucket of `width` steps."""
    buckets = select(cast(first, BigInteger).label("start")).cte("buckets", recursive=True)
    following = buckets.c.start + width
    return buckets.union_all(select(following).where(following <= last))


def first_step_by(
    order: ColumnElement[float], job_id: str, buckets: CTE, width: int, last: int
) -> ScalarSelect[int]:
    """The step that comes first by `order` in a bucket, up to `last`, and of equals the earliest."""
    start = buckets.c.start
    in_bucket = (Evaluation.step >= start, Evaluation.step < start + width, Evaluation.step <= last)
    of_job = select(Evaluation.step).where(Evaluation.job_id == job_id, *in_bucket)
    steps = of_job.order_by(order, Evaluation.step).limit(1)
    return steps.correlate(buckets).scalar_subquery()
