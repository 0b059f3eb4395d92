"""The losses of long jobs, kept in memory so that downsampling them again reads few rows.

Of each job the process keeps steps and losses alone, 24 bytes an evaluation, with the version that they are
of. A later request reads that version first: if it is another one, and rows have only been added since, those
are read; if rows have been changed or deleted, all are. Triggers keep the version, so that what is written by
another process, or by hand, counts.
"""

import math
import threading
from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from jobs.lifecycle.downsampling import (
    POINTS_PER_BUCKET,
    check_points,
    columns_between,
    downsampled_steps,
)
from jobs.store.tables import Evaluation, JobVersion

MAX_KEPT = 1_000_000
"""Evaluations, of all jobs together: 24 MB."""
MAX_OF_JOB = 500_000
"""Of a job of more, the database looks for the extremes at each request."""
ROWS_AT_ONCE = 10_000


@dataclass(frozen=True)
class LossCurve:
    """A job's evaluations in the order of their steps."""

    losses: str
    rewrites: str
    """The versions that it is of: see `JobVersion`."""
    steps: "array[int]"
    train: "array[float]"
    validation: "array[float]"
    extremes: "Extremes | None" = None
    """Of the last request."""


@dataclass(frozen=True)
class Extremes:
    """What was found in the buckets of a request, but the last one, which rows are added to."""

    begin: int
    width: int
    end: int
    """Where the buckets begin and end, as places in the curve; and how many steps wide they are."""
    places: frozenset[int]


class LossCurves:
    """Those that were asked for last. Safe between threads: a curve never changes."""

    def __init__(self, max_kept: int = MAX_KEPT, max_of_job: int = MAX_OF_JOB) -> None:
        self._max_kept = max_kept
        self._max_of_job = max_of_job
        self._lock = threading.Lock()
        self._curves: OrderedDict[str, LossCurve] = OrderedDict()

    def shown_steps(
        self,
        session: Session,
        job_id: str,
        max_points: int,
        since_step: int = -1,
        until_step: int | None = None,
    ) -> list[int] | None:
        """The steps of at most `max_points` evaluations: see `downsampled_steps`.

        session  of a snapshot
        raises   ValueError for fewer points than `MIN_POINTS`
        """
        check_points(max_points)
        curve = self._curve(session, job_id)
        if curve is None:
            return downsampled_steps(session, job_id, max_points, since_step, until_step)
        steps, extremes = extreme_steps(curve, max_points, since_step, until_step)
        if extremes is not curve.extremes:
            self._keep(job_id, replace(curve, extremes=extremes))
        return steps

    def _curve(self, session: Session, job_id: str) -> LossCurve | None:
        """None for a job with too many evaluations, or none whose version is known."""
        version = session.get(JobVersion, job_id)
        if version is None:
            return None
        with self._lock:
            kept = self._curves.get(job_id)
        if kept is None or kept.losses != version.losses:
            kept = None if kept is None else extended(session, kept, version)
            if kept is None:
                if self._is_too_long(session, job_id):
                    return None
                kept = read_curve(session, version)
        self._keep(job_id, kept)
        return kept

    def _is_too_long(self, session: Session, job_id: str) -> bool:
        count = select(func.count()).select_from(Evaluation).where(Evaluation.job_id == job_id)
        return session.execute(count).scalar_one() > self._max_of_job

    def _keep(self, job_id: str, curve: LossCurve) -> None:
        with self._lock:
            self._curves[job_id] = curve
            self._curves.move_to_end(job_id)
            kept = sum(len(other.steps) for other in self._curves.values())
            while kept > self._max_kept:
                _, dropped = self._curves.popitem(last=False)
                kept -= len(dropped.steps)


def read_curve(session: Session, version: JobVersion) -> LossCurve:
    empty = LossCurve(version.losses, version.rewrites, array("q"), array("d"), array("d"))
    return with_rows(empty, session, version, since_step=-1)


def extended(session: Session, curve: LossCurve, version: JobVersion) -> LossCurve | None:
    """A curve of an earlier version with the rows that have been added since; None if it can't be told which
    they are: others have changed, or this transaction sees a moment before the curve's."""
    if curve.rewrites != version.rewrites:
        return None
    last = curve.steps[-1] if curve.steps else -1
    is_there = select(Evaluation.step).where(Evaluation.job_id == version.job_id, Evaluation.step == last)
    if curve.steps and session.scalar(is_there) is None:
        return None
    return with_rows(curve, session, version, last)


def with_rows(curve: LossCurve, session: Session, version: JobVersion, since_step: int) -> LossCurve:
    """The curve and behind it the rows of later steps than `since_step`."""
    steps, train, validation = array("q", curve.steps), array("d", curve.train), array("d", curve.validation)
    later = columns_between(("step", "train_loss", "val_loss"), version.job_id, since_step)
    rows = session.execute(later.execution_options(yield_per=ROWS_AT_ONCE))
    for part in rows.partitions():
        more_steps, more_train, more_validation = zip(*part, strict=True)
        steps.extend(more_steps)
        train.extend(comparable(more_train))
        validation.extend(comparable(more_validation))
    return LossCurve(version.losses, version.rewrites, steps, train, validation, curve.extremes)


def comparable(losses: Iterable[float]) -> Iterable[float]:
    """With infinity for NaN, as PostgreSQL orders it: nothing is less or greater than that."""
    return losses if math.isfinite(sum(losses)) else [math.inf if math.isnan(x) else x for x in losses]


def extreme_steps(
    curve: LossCurve, max_points: int, since_step: int, until_step: int | None
) -> tuple[list[int] | None, Extremes | None]:
    """As `shown_steps`; and what to keep with the curve, so that a request like this one, once there are more
    rows, looks for the extremes of their buckets alone."""
    steps, known = curve.steps, curve.extremes
    begin = bisect_right(steps, since_step)
    end = len(steps) if until_step is None else bisect_right(steps, until_step)
    if end - begin <= max_points:
        return None, known
    first, last = steps[begin], steps[end - 1]
    n_buckets = (max_points - 2) // POINTS_PER_BUCKET
    width = -(-(last - first + 1) // n_buckets)
    if known is None or (known.begin, known.width) != (begin, width) or known.end > end:
        known = Extremes(begin, width, begin, frozenset())
    shown = set(known.places)
    index = known.end
    while index < end:
        # The buckets between this one and the next that has any evaluation are empty.
        start = first + (steps[index] - first) // width * width
        following = bisect_left(steps, start + width, index, end)
        if following == end and index > known.end:
            known = Extremes(begin, width, index, frozenset(shown))
        for losses in (curve.train, curve.validation):
            bucket = losses[index:following].tolist()
            shown.add(index + bucket.index(min(bucket)))
            shown.add(index + bucket.index(max(bucket)))
        index = following
    return [steps[place] for place in sorted(shown | {begin, end - 1})], known
