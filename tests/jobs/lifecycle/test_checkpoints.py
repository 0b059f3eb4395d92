"""Which checkpoints are listed, kept and found."""

import pytest

from jobs.lifecycle.attempts import fenced_update
from jobs.lifecycle.checkpoints import (
    Superseded,
    checkpoint_kinds,
    find_checkpoint,
    list_checkpoints,
)
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.events import record_event
from jobs.store.lookup import NotFound, get_job
from tests.jobs.lifecycle.recorded import add_checkpoint, events_of
from tests.jobs.making import running_job


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


def test_a_checkpoint_that_was_damaged_and_is_written_again_is_news(
    database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    add_checkpoint(database, job, 6, 8.0)
    with database.write() as session:
        record_event(session, job.id, 1, "checkpoint_damaged", {"step": 6, "message": "a bit flipped"})
    add_checkpoint(database, job, 6, 8.0)
    kinds = ("checkpoint", "checkpoint_damaged")
    assert events_of(database, job, *kinds) == [(kind, 6) for kind in (*kinds, "checkpoint")]
