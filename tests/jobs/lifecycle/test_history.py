from typing import Any

import pytest
from sqlalchemy import insert

from jobs.lifecycle.attempts import Fenced, claim, fenced_update, stop
from jobs.lifecycle.history import (
    Superseded,
    checkpoint_kinds,
    find_checkpoint,
    list_checkpoints,
    list_evaluations,
    record_checkpoint,
    record_evaluation,
    record_sample,
)
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.lookup import NotFound, get_job
from jobs.store.tables import Evaluation, Job
from tests.jobs.making import running_job


def evaluation(step: int, val_loss: float) -> dict[str, Any]:
    return {
        "step": step,
        "epoch": 1,
        "tokens_seen": 100 * (step + 1),
        "train_loss": val_loss - 1,
        "val_loss": val_loss,
        "learning_rate": 4e-4,
        "grad_norm": 1.0,
        "tokens_per_s": None,
    }


def add_evaluation(database: Database, job: Job, step: int, val_loss: float, attempt: int = 1) -> None:
    with database.write() as session:
        record_evaluation(session, job.id, attempt, evaluation(step, val_loss))


def add_checkpoint(
    database: Database,
    job: Job,
    step: int,
    val_loss: float,
    *,
    keep_last: int = 1,
    keep_best: int = 1,
    resumable: bool = True,
) -> Superseded:
    row = {"step": step, "epoch": 1, "train_loss": 1.0, "val_loss": val_loss, "bytes": 10, "sha256": "0"}
    with database.write() as session:
        files = {"directory": f"step-{step}", "resumable": resumable}
        return record_checkpoint(session, job.id, 1, {**row, **files}, keep_last, keep_best)


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


def test_the_newest_and_the_best_checkpoint_are_kept_the_best_with_its_weights_alone(
    database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    assert add_checkpoint(database, job, 1, 3.0) == Superseded([], [])
    assert add_checkpoint(database, job, 2, 2.0) == Superseded(["step-1"], [])
    assert add_checkpoint(database, job, 3, 4.0) == Superseded([], ["step-2"])
    assert add_checkpoint(database, job, 4, 5.0) == Superseded(["step-3"], [])
    with database.read() as session:
        checkpoints = list_checkpoints(session, job.id)
    assert [(checkpoint.step, checkpoint.resumable) for checkpoint in checkpoints] == [(2, False), (4, True)]
    assert list(checkpoint_kinds(checkpoints).values()) == [["best"], ["last"]]


def test_weights_alone_take_no_place_of_what_a_resume_needs(database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    add_checkpoint(database, job, 1, 3.0)
    assert add_checkpoint(database, job, 2, 2.0, resumable=False) == Superseded([], [])
    assert add_checkpoint(database, job, 3, 1.0, resumable=False) == Superseded(["step-2"], [])
    assert add_checkpoint(database, job, 4, 2.5) == Superseded(["step-1"], [])
    with database.read() as session:
        checkpoints = list_checkpoints(session, job.id)
    assert [(checkpoint.step, checkpoint.resumable) for checkpoint in checkpoints] == [(3, False), (4, True)]


def test_only_what_a_job_can_go_on_from_counts_as_progress_after_crashes(
    database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    with database.write() as session:
        fenced_update(session, job.id, 1, failures=2)
    add_checkpoint(database, job, 1, 3.0, resumable=False)
    with database.read() as session:
        assert get_job(session, job.id).failures == 2
    add_checkpoint(database, job, 2, 3.0)
    with database.read() as session:
        assert get_job(session, job.id).failures == 0


def test_more_are_kept_on_request(database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    for step, val_loss in ((1, 1.0), (2, 5.0), (3, 2.0), (4, 6.0), (5, 7.0)):
        add_checkpoint(database, job, step, val_loss, keep_last=2, keep_best=2)
    with database.read() as session:
        assert [checkpoint.step for checkpoint in list_checkpoints(session, job.id)] == [1, 3, 4, 5]


def test_without_best_only_the_last_is_kept(database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    for step in (1, 2):
        add_checkpoint(database, job, step, float(step), keep_best=0)
    with database.read() as session:
        assert [checkpoint.step for checkpoint in list_checkpoints(session, job.id)] == [2]


def test_a_checkpoint_is_found_by_name_or_step(database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    add_checkpoint(database, job, 1, 1.0)
    add_checkpoint(database, job, 2, 2.0)
    with database.read() as session:
        assert [find_checkpoint(session, job.id, name).step for name in ("last", "best", "1")] == [2, 1, 1]
        with pytest.raises(NotFound, match="steps: 1, 2"):
            find_checkpoint(session, job.id, "7")


def test_of_many_checkpoints_the_newest_ten_are_named_where_none_is_found(
    database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    for step in range(1, 13):
        add_checkpoint(database, job, step, 1.0, keep_last=100)
    with database.read() as session:
        newest = "3, 4, 5, 6, 7, 8, 9, 10, 11, 12"
        with pytest.raises(NotFound, match=f"has no checkpoint '77'; .* steps: {newest} and 2 earlier ones$"):
            find_checkpoint(session, job.id, "77")
