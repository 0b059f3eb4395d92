from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert

from jobs.lifecycle.downsampling import MIN_POINTS, downsampled_steps
from jobs.lifecycle.loss_curves import LossCurves
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.tables import Evaluation, Job
from tests.jobs.making import running_job
from tests.sweeps import examples

Losses = dict[int, tuple[float, float]]
"""By step: train and validation loss."""


def store(database: Database, job: Job, losses: Losses) -> None:
    rest = {"job_id": job.id, "epoch": 1, "tokens_seen": 1, "learning_rate": 0.1, "recorded_at": 0.0}
    rows = [
        {"step": step, "train_loss": train, "val_loss": validation, **rest}
        for step, (train, validation) in losses.items()
    ]
    with database.write() as session:
        session.execute(delete(Evaluation))
        session.execute(insert(Evaluation), rows)


def extremes(losses: Losses, begin: int, end: int) -> set[int]:
    """Of the steps from `begin` to before `end`, the first with each of the four extreme losses."""
    bucket = {step: losses[step] for step in sorted(losses) if begin <= step < end}
    choices: list[Callable[[int], float]] = [
        lambda step: bucket[step][0],
        lambda step: -bucket[step][0],
        lambda step: bucket[step][1],
        lambda step: -bucket[step][1],
    ]
    return {min(bucket, key=choice) for choice in choices} if bucket else set()


few_losses = st.sampled_from([0.0, 1.0, 1.5]) | st.floats(0, 20)
histories = st.dictionaries(
    st.integers(0, 300) | st.integers(0, 2**62), st.tuples(few_losses, few_losses), min_size=1, max_size=60
)


@given(losses=histories, max_points=st.integers(MIN_POINTS, 40))
@settings(max_examples=examples(150), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_extreme_of_the_whole_and_of_each_bucket_is_kept_in_order(
    database: Database, job: Job, losses: Losses, max_points: int
) -> None:
    store(database, job, losses)
    with database.snapshot() as session:
        steps = downsampled_steps(session, job.id, max_points)
        assert LossCurves().shown_steps(session, job.id, max_points) == steps
    if len(losses) <= max_points:
        assert steps is None
        return
    assert steps is not None
    assert steps == sorted(set(steps))
    assert len(steps) <= max_points
    first, last = min(losses), max(losses)
    expected = {first, last}
    buckets = (max_points - 2) // 4
    width = -(-(last - first + 1) // buckets)
    for index in range(buckets):
        begin = first + index * width
        expected |= extremes(losses, begin, begin + width)
    assert set(steps) == expected
    for choose in (min, max):
        for which in (0, 1):
            assert choose(losses[step][which] for step in steps) == choose(
                both[which] for both in losses.values()
            )


@pytest.fixture
def job(database: Database, settings: Settings) -> Job:
    return running_job(database, settings)


def both_ways(
    database: Database, job: Job, max_points: int, since_step: int = -1, until_step: int | None = None
) -> list[int] | None:
    """What the database finds, which is what is found in memory."""
    with database.snapshot() as session:
        found = downsampled_steps(session, job.id, max_points, since_step, until_step)
        assert LossCurves().shown_steps(session, job.id, max_points, since_step, until_step) == found
    return found


def test_only_the_asked_range_is_thinned(database: Database, job: Job) -> None:
    store(database, job, {step: (float(step), 50 - abs(25.0 - step)) for step in range(100)})
    assert both_ways(database, job, 6, since_step=9, until_step=49) == [10, 25, 49]
    assert both_ways(database, job, 40, since_step=9, until_step=49) is None


def test_another_jobs_rows_count_for_nothing(database: Database, settings: Settings, job: Job) -> None:
    other = running_job(database, settings)
    store(database, other, dict.fromkeys(range(20), (1.0, 1.0)))
    assert both_ways(database, job, 6) is None
    assert both_ways(database, other, 6) == [0, 19]


def test_fewer_points_than_there_are_extremes_are_refused(database: Database, job: Job) -> None:
    with database.read() as session:
        for shown_steps in (downsampled_steps, LossCurves().shown_steps):
            with pytest.raises(ValueError, match="at least 6 points, not 5"):
                shown_steps(session, job.id, 5)
