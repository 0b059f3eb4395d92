"""Evaluations and samples as the attempts of a job write them."""

from typing import Any

import pytest
from sqlalchemy import insert

from jobs.lifecycle.attempts import Fenced, claim, stop
from jobs.lifecycle.checkpoints import (
    list_checkpoints,
    record_checkpoint,
)
from jobs.lifecycle.history import list_evaluations, record_evaluation, record_sample
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.events import list_events
from jobs.store.lookup import get_job
from jobs.store.tables import Evaluation, Job
from tests.jobs.lifecycle.recorded import add_checkpoint, add_evaluation, evaluation, events_of
from tests.jobs.making import running_job


def test_bits_per_byte_are_those_of_the_newest_and_of_the_best_evaluation(
    database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    with database.write() as session:
        for step, val_loss, val_bpb in ((0, 9.0, 3.0), (5, 7.0, 2.5), (10, 8.0, None)):
            row = {**evaluation(step, val_loss), "val_bpb": val_bpb}
            record_evaluation(session, job.id, job.attempt, row)
    with database.read() as session:
        found = session.get_one(Job, job.id)
        assert (found.latest_val_bpb, found.best_val_bpb) == (None, 2.5)
        assert [row.val_bpb for row in list_evaluations(session, job.id)] == [3.0, 2.5, None]


def test_the_job_shows_its_latest_and_its_best_evaluation(database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    for step, val_loss in ((0, 9.0), (5, 6.0), (10, 7.0)):
        add_evaluation(database, job, step, val_loss)
    with database.read() as session:
        now = get_job(session, job.id)
    assert (now.latest_step, now.latest_val_loss, now.latest_train_loss) == (10, 7.0, 6.0)
    assert (now.best_step, now.best_val_loss) == (5, 6.0)


def test_a_best_evaluation_that_is_computed_again_may_lose_its_place(
    database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    for step, val_loss in ((0, 9.0), (5, 6.0), (10, 7.0), (5, 8.0)):
        add_evaluation(database, job, step, val_loss)
    with database.read() as session:
        now = get_job(session, job.id)
    assert (now.best_step, now.best_val_loss) == (10, 7.0)


@pytest.mark.parametrize("steps", [[0, 5, 10], [10, 5, 0]])
def test_of_equal_evaluations_the_earliest_step_is_the_best(
    database: Database, settings: Settings, steps: list[int]
) -> None:
    job = running_job(database, settings)
    for step in steps:
        add_evaluation(database, job, step, 6.0)
    with database.read() as session:
        assert get_job(session, job.id).best_step == 0


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)  # PostgreSQL does not count its instructions
def test_recording_an_evaluation_takes_no_longer_after_thousands(
    database: Database, settings: Settings
) -> None:
    def instructions_to_record(step: int) -> int:
        count = 0

        def tick() -> None:
            nonlocal count
            count += 1

        with database.write() as session:
            connection: Any = session.connection().connection.driver_connection
            connection.set_progress_handler(tick, 1)
            record_evaluation(session, job.id, 1, evaluation(step, 9 - step / 10_000))
            connection.set_progress_handler(None, 1)
        return count

    job = running_job(database, settings)
    instructions_to_record(0)  # plans are kept
    early = instructions_to_record(1)
    with database.write() as session:
        rows = [{"job_id": job.id, "recorded_at": 0.0, **evaluation(step, 9.0)} for step in range(2, 5000)]
        session.execute(insert(Evaluation), rows)
    assert instructions_to_record(5000) <= 2 * early


def test_progress_is_never_behind_the_newest_evaluation(database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    add_evaluation(database, job, 6, 9.0)
    with database.read() as session:
        stored = get_job(session, job.id)
        assert (stored.step, stored.epoch, stored.tokens_seen, stored.latest_step) == (7, 1, 700, 6)


def test_a_row_computed_again_replaces_the_first(database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    add_evaluation(database, job, 0, 9.0)
    add_evaluation(database, job, 0, 9.5)
    with database.read() as session:
        assert [(row.step, row.val_loss) for row in list_evaluations(session, job.id)] == [(0, 9.5)]


def test_since_step_is_exclusive(database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    for step in (0, 5, 10):
        add_evaluation(database, job, step, 1.0)
    with database.read() as session:
        assert [row.step for row in list_evaluations(session, job.id, since_step=0)] == [5, 10]


def test_a_stale_attempt_records_nothing(database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    with database.write() as session:
        stop(session, job.id, 1, "drained")
    with database.write() as session:
        claim(session, job.id, "worker-2", lease_s=30)
    with pytest.raises(Fenced):
        add_evaluation(database, job, 0, 1.0)
    with pytest.raises(Fenced):
        add_checkpoint(database, job, 1, 1.0)
    sample = {"step": 0, "epoch": 1, "prompt": "a", "text": "ab"}
    with pytest.raises(Fenced), database.write() as session:
        record_sample(session, job.id, 1, sample)
    with database.read() as session:
        assert list_evaluations(session, job.id) == []
        assert list_checkpoints(session, job.id) == []


def test_what_a_resumed_attempt_computes_again_makes_no_second_event(
    database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    add_evaluation(database, job, 0, 9.0)
    add_evaluation(database, job, 5, 8.0)
    sample = {"step": 5, "epoch": 1, "prompt": "Every", "text": "Every effort"}
    with database.write() as session:
        record_sample(session, job.id, 1, sample)
    add_checkpoint(database, job, 6, 8.0, keep_best=1, resumable=False)
    with database.write() as session:
        stop(session, job.id, 1, "the worker is shutting down")
        claim(session, job.id, "worker-2", 30)
    for step, val_loss in ((0, 9.0), (5, 8.0), (10, 7.0)):
        add_evaluation(database, job, step, val_loss, attempt=2)
    with database.write() as session:
        record_sample(session, job.id, 2, sample)
        files = {"directory": "attempt-2/step-6", "resumable": False}
        row = {"step": 6, "epoch": 1, "train_loss": 1.0, "val_loss": 8.0, "bytes": 10, "sha256": "0"}
        record_checkpoint(session, job.id, 2, {**row, **files}, 1, 1)
    assert events_of(database, job, "evaluation", "sample", "checkpoint") == [
        ("evaluation", 0),
        ("evaluation", 5),
        ("sample", 5),
        ("checkpoint", 6),
        ("evaluation", 10),
    ]


def test_an_event_of_an_evaluation_has_all_of_it(database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    add_evaluation(database, job, 0, 9.0)
    with database.read() as session:
        [event] = [event for event in list_events(session, job.id) if event.type == "evaluation"]
    assert event.data == evaluation(0, 9.0)
