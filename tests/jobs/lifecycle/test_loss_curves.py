"""Downsampling from memory gives at every moment what the database itself would find."""

import math
import threading
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as property_settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, event, insert, text, update

from jobs.lifecycle.downsampling import downsampled_steps
from jobs.lifecycle.history import record_evaluation
from jobs.lifecycle.loss_curves import LossCurve, LossCurves
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.tables import Evaluation, Job
from tests.jobs.making import running_job
from tests.sweeps import examples

REST = {"epoch": 1, "tokens_seen": 1, "learning_rate": 0.1, "recorded_at": 0.0}


@pytest.fixture
def job(database: Database, settings: Settings) -> Job:
    return running_job(database, settings)


def row(job: Job, step: int, train: float = 1.0, validation: float = 1.0) -> dict[str, Any]:
    return {"job_id": job.id, "step": step, "train_loss": train, "val_loss": validation, **REST}


def add(database: Database, *rows: dict[str, Any]) -> None:
    with database.write() as session:
        session.execute(insert(Evaluation), list(rows))


def shown(database: Database, curves: LossCurves, job: Job, max_points: int = 6) -> list[int] | None:
    with database.snapshot() as session:
        steps = curves.shown_steps(session, job.id, max_points)
        assert steps == downsampled_steps(session, job.id, max_points)
    return steps


losses = st.sampled_from([0.0, 1.0, 2.0, math.inf]) | st.floats(0, 20)
steps = st.integers(0, 40)
changes = st.one_of(
    st.tuples(st.just("upsert"), steps, losses, losses),
    st.tuples(st.just("append"), st.integers(1, 9), losses, losses),
    st.tuples(st.just("update"), steps, losses, losses),
    st.tuples(st.just("move"), steps, st.just(0.0), st.just(0.0)),
    st.tuples(st.just("replace"), steps, losses, losses),
    st.tuples(st.just("delete"), steps, st.just(0.0), st.just(0.0)),
)


def apply(database: Database, job: Job, other: Job, change: tuple[str, int, float, float]) -> None:
    kind, step, train, validation = change
    with database.write() as session:
        here = (Evaluation.job_id == job.id, Evaluation.step == step)
        match kind:
            case "upsert":
                values = {**row(job, step, train, validation), "grad_norm": None}
                del values["job_id"], values["recorded_at"]
                record_evaluation(session, job.id, job.attempt, values)
            case "append":
                last = session.scalar(text("SELECT coalesce(max(step), 0) FROM evaluations"))
                assert last is not None
                session.execute(
                    insert(Evaluation), [row(job, last + step, train), row(job, last + 10, 0, validation)]
                )
            case "update":
                session.execute(update(Evaluation).where(*here).values(train_loss=train, val_loss=validation))
            case "move":
                session.execute(delete(Evaluation).where(Evaluation.job_id == other.id))
                session.execute(update(Evaluation).where(*here).values(job_id=other.id))
            case "replace":
                session.execute(delete(Evaluation).where(*here))
                session.execute(insert(Evaluation).values(**row(job, step, train, validation)))
            case "delete":
                session.execute(delete(Evaluation).where(*here))


@given(history=st.lists(st.tuples(changes, st.sampled_from([None, 6, 14, 14])), max_size=25))
@property_settings(max_examples=examples(20), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_done_to_the_rows_memory_and_database_find_the_same(
    database: Database,
    settings: Settings,
    job: Job,
    history: list[tuple[tuple[str, int, float, float], int | None]],
) -> None:
    other = running_job(database, settings)
    curves = LossCurves()
    add(database, *[row(job, step, 40 - step, step % 7) for step in range(0, 40, 3)])
    for change, max_points in history:
        apply(database, job, other, change)
        if max_points is not None:
            shown(database, curves, job, max_points)
    for each in (job, other):
        shown(database, curves, each)
    with database.write() as session:
        session.execute(delete(Evaluation))
    assert shown(database, curves, job) is None


def statements(engine: Engine) -> list[tuple[str, Any]]:
    """What is asked of the database from now on."""
    seen: list[tuple[str, Any]] = []
    event.listen(engine, "before_cursor_execute", lambda *call: seen.append((call[2], call[3])))
    return seen


def rows_read(database: Database, curves: LossCurves, job: Job) -> list[int]:
    """After which steps rows are read for a request."""
    seen = statements(database.engine)
    with database.snapshot() as session:
        curves.shown_steps(session, job.id, 6)
    return [
        next(value for value in (bound.values() if isinstance(bound, dict) else bound) if value != job.id)
        for statement, bound in seen
        if "train_loss" in statement
    ]


def test_only_what_is_new_is_read_again(database: Database, job: Job) -> None:
    curves = LossCurves()
    add(database, *[row(job, step) for step in range(20)])
    assert rows_read(database, curves, job) == [-1]
    assert rows_read(database, curves, job) == []
    add(database, row(job, 25), row(job, 30))
    assert rows_read(database, curves, job) == [19]
    with database.write() as session:
        session.execute(update(Job).values(step=9))
    assert rows_read(database, curves, job) == []
    add(database, row(job, 24))
    assert rows_read(database, curves, job) == [-1]


def test_rows_that_a_resumed_attempt_computes_again_count(database: Database, job: Job) -> None:
    curves = LossCurves()
    add(database, *[row(job, step) for step in range(20)])
    assert shown(database, curves, job) == [0, 19]
    with database.write() as session:
        again = {
            name: value for name, value in row(job, 12, 9.0).items() if name not in ("job_id", "recorded_at")
        }
        record_evaluation(session, job.id, job.attempt, {**again, "grad_norm": None})
    assert shown(database, curves, job) == [0, 12, 19]


def test_a_row_that_takes_the_place_of_the_last_one_counts(database: Database, job: Job) -> None:
    curves = LossCurves()
    add(database, *[row(job, step) for step in range(20)])
    assert shown(database, curves, job) == [0, 19]
    if database.url.get_backend_name() == "sqlite":
        replaced = "INSERT OR REPLACE INTO evaluations"
        rest = ""
    else:
        replaced = "INSERT INTO evaluations"
        rest = "ON CONFLICT (job_id, step) DO UPDATE SET train_loss = excluded.train_loss"
    with database.write() as session:
        session.execute(
            text(
                f"{replaced} (job_id, step, epoch, tokens_seen, train_loss, val_loss, learning_rate, "
                f"recorded_at) VALUES (:job_id, 19, 1, 1, 0.0, 1.0, 0.1, 0.0) {rest}"
            ),
            {"job_id": job.id},
        )
        session.execute(update(Evaluation).where(Evaluation.step == 5).values(job_id=job.id))
    add(database, row(job, 20))
    assert shown(database, curves, job) == [0, 19, 20]


def test_the_bucket_that_grows_shows_its_new_extremes(database: Database, job: Job) -> None:
    curves = LossCurves()
    add(database, *[row(job, step, step % 7, step % 5) for step in range(100)])
    assert shown(database, curves, job, 22) is not None
    for step in range(100, 130):  # five buckets, which become one step wider with every fifth row
        add(database, row(job, step, step % 11 - 5, 20 - step % 13))
        assert step in (shown(database, curves, job, 22) or [])


def test_another_range_or_number_of_points_is_looked_through_anew(database: Database, job: Job) -> None:
    curves = LossCurves()
    add(database, *[row(job, step, step % 7, step % 5) for step in range(100)])
    for max_points, since_step, until_step in (
        (22, -1, None), (22, -1, 80), (22, 50, None), (10, -1, None), (22, -1, 30), (22, -1, 99)
    ):  # fmt: skip
        with database.snapshot() as session:
            between = (session, job.id, max_points, since_step, until_step)
            assert curves.shown_steps(*between) == downsampled_steps(*between)


def test_a_transaction_that_began_before_a_row_was_added_does_not_see_it(
    database: Database, job: Job
) -> None:
    curves = LossCurves()
    add(database, *[row(job, step) for step in range(20)])
    with database.snapshot() as earlier:
        assert curves.shown_steps(earlier, job.id, 6) == [0, 19]
        add(database, row(job, 20))
        assert shown(database, curves, job) == [0, 20]
        earlier.expire_all()
        assert curves.shown_steps(earlier, job.id, 6) == [0, 19]
    assert shown(database, curves, job) == [0, 20]


def test_writers_of_other_steps_at_the_same_time_are_both_seen(database: Database, job: Job) -> None:
    """On PostgreSQL, whose transactions do not wait for each other before they touch the same version."""
    add(database, *[row(job, step) for step in range(20)])
    curves = LossCurves()
    shown(database, curves, job)
    rounds = 20
    begin = threading.Barrier(3)
    problems: list[Exception] = []

    def write(first: int) -> None:
        begin.wait()
        for index in range(rounds):
            try:
                add(database, row(job, first + 2 * index, float(index), -float(first + index)))
            except Exception as error:
                problems.append(error)

    threads = [threading.Thread(target=write, args=(first,)) for first in (20, 21)]
    for thread in threads:
        thread.start()
    begin.wait()
    while any(thread.is_alive() for thread in threads):
        shown(database, curves, job)
    for thread in threads:
        thread.join()
    assert problems == []
    assert shown(database, curves, job) is not None


def test_a_job_with_very_many_evaluations_is_left_to_the_database(database: Database, job: Job) -> None:
    curves = LossCurves(max_of_job=19)
    add(database, *[row(job, step) for step in range(20)])
    assert shown(database, curves, job) == [0, 19]
    assert curves._curves == {}


def test_what_was_asked_for_longest_ago_makes_room(database: Database, settings: Settings, job: Job) -> None:
    curves = LossCurves(max_kept=40)
    others = [running_job(database, settings) for _ in range(2)]
    for each in (job, *others):
        add(database, *[row(each, step) for step in range(20)])
    for each in (job, others[0], job, others[1]):
        shown(database, curves, each)
    assert list(curves._curves) == [job.id, others[1].id]


def test_a_job_whose_version_is_not_known_is_left_to_the_database(database: Database, job: Job) -> None:
    curves = LossCurves()
    add(database, *[row(job, step) for step in range(20)])
    with database.write() as session:
        session.execute(text("DELETE FROM job_versions"))
    assert shown(database, curves, job) == [0, 19]


def test_a_curve_does_not_change_once_it_is_made(database: Database, job: Job) -> None:
    curves = LossCurves()
    add(database, *[row(job, step) for step in range(20)])
    shown(database, curves, job)
    before: LossCurve = curves._curves[job.id]
    add(database, row(job, 20))
    shown(database, curves, job)
    assert len(before.steps) == len(before.train) == len(before.validation) == 20
