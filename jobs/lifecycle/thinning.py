"""Long loss histories cut down to as many rows as a plot can show, without losing a spike."""

from sqlalchemy import CTE, BigInteger, ColumnElement, ScalarSelect, Select, cast, func, select
from sqlalchemy.orm import Session

from jobs.store.tables import Evaluation

MIN_POINTS = 6
"""The first row, the last, and both extremes of both losses."""
MAX_POINTS = 10_000
ROWS_PER_BUCKET = 4


def thin_evaluations(
    session: Session, job_id: str, max_points: int, since_step: int = -1, until_step: int | None = None
) -> list[Evaluation]:
    """At most `max_points` loss rows of later steps than `since_step`, up to `until_step`, in order.

    All of them if they are no more. Else the range is cut into buckets of equally many steps, and of each
    those with the least and the greatest train and validation loss are kept (of equals, the first), besides
    the first row and the last. The database looks for them: no more rows than these are ever read.

    raises  ValueError for fewer points than `MIN_POINTS`
    """
    if max_points < MIN_POINTS:
        raise ValueError(f"must be at least {MIN_POINTS} points, not {max_points}")
    wanted = evaluations_between(job_id, since_step, until_step)
    count, first, last = session.execute(
        wanted.with_only_columns(func.count(), func.min(Evaluation.step), func.max(Evaluation.step))
    ).one()
    if count > max_points:
        n_buckets = (max_points - 2) // ROWS_PER_BUCKET
        steps = {first, last, *extreme_steps(session, job_id, first, last, n_buckets)}
        wanted = wanted.where(Evaluation.step.in_(steps))
    return list(session.scalars(wanted.order_by(Evaluation.step)))


def evaluations_between(job_id: str, since_step: int, until_step: int | None) -> Select[Evaluation]:
    """Loss rows of later steps than `since_step`, up to `until_step`; None for all."""
    later = select(Evaluation).where(Evaluation.job_id == job_id, Evaluation.step > since_step)
    return later if until_step is None else later.where(Evaluation.step <= until_step)


def extreme_steps(session: Session, job_id: str, first: int, last: int, n_buckets: int) -> set[int]:
    """The steps whose losses are least or greatest in their bucket of the steps from `first` to `last`."""
    width = -(-(last - first + 1) // n_buckets)
    buckets = bucket_begins(first, last, width)
    extremes = [
        first_step(job_id, buckets, width, order)
        for loss in (Evaluation.train_loss, Evaluation.val_loss)
        # The sum keeps the planner from an index on the loss, which it would walk through for each bucket.
        for order in ((loss + 0.0).asc(), (loss + 0.0).desc())
    ]
    found = session.execute(select(*extremes).select_from(buckets))
    return {step for row in found for step in row if step is not None}  # a bucket may be empty


def bucket_begins(first: int, last: int, width: int) -> CTE:
    """A row with the first step, `begin`, of each bucket of `width` steps."""
    buckets = select(cast(first, BigInteger).label("begin")).cte("buckets", recursive=True)
    following = buckets.c.begin + width
    return buckets.union_all(select(following).where(following <= last))


def first_step(job_id: str, buckets: CTE, width: int, order: ColumnElement[float]) -> ScalarSelect[int]:
    """The step that comes first by `order` in a bucket, and of equals the earliest."""
    begin = buckets.c.begin
    in_bucket = (Evaluation.job_id == job_id, Evaluation.step >= begin, Evaluation.step < begin + width)
    chosen = select(Evaluation.step).where(*in_bucket).order_by(order, Evaluation.step).limit(1)
    return chosen.correlate(buckets).scalar_subquery()
