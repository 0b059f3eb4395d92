"""Forked jobs, in real trainer processes."""

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from jobs.files.cleanup import remove_deleted
from jobs.files.layout import initial_directory
from jobs.lifecycle.checkpoints import list_checkpoints
from jobs.lifecycle.forking import fork
from jobs.lifecycle.history import list_samples
from jobs.lifecycle.requests import delete_job
from jobs.settings import Settings
from jobs.spec.forks import ForkRequest
from jobs.states import Status
from jobs.store.database import Database
from jobs.store.events import list_events
from jobs.store.tables import Job
from jobs.validation.parsing import parse
from tests.worker.conftest import Attempt
from tests.worker.training.conftest import HeldAt
from tests.worker.training.test_supervisor import (
    final_sha256,
    losses,
    stored,
    trainer_pid,
    wait_for_checkpoint,
    wait_for_step,
)

pytestmark = [pytest.mark.slow, pytest.mark.sqlite_will_do]

StartAttempt = Callable[[Job], Attempt]
KEPT = {"every_epochs": None, "every_steps": 5, "keep_last": 100}


def samples(database: Database, job: Job) -> list[tuple[int, str]]:
    with database.read() as session:
        return [(row.step, row.text) for row in list_samples(session, job.id)]


@pytest.fixture
def forked(database: Database, settings: Settings) -> Callable[..., Job]:
    def forked(parent: Job, **request: Any) -> Job:
        return fork(database, settings, parent.id, parse(ForkRequest, request))[0]

    return forked


@pytest.mark.parametrize(
    "numerics",
    [
        pytest.param("reference", marks=pytest.mark.thorough),
        pytest.param("float32", marks=pytest.mark.thorough),
        "bfloat16",
    ],
)
def test_without_changes_it_ends_as_its_parent_even_if_it_is_killed_and_the_parent_deleted(
    numerics: str,
    database: Database,
    settings: Settings,
    post: Callable[..., Job],
    attempt: StartAttempt,
    forked: Callable[..., Job],
    held_at: HeldAt,
) -> None:
    parent = post(checkpoints=KEPT, training={"numerics": numerics, "num_epochs": 15}, max_attempts=5)
    attempt(parent).join()
    child = forked(parent, checkpoint=15)

    # Before its first checkpoint and after it.
    for wait, step in ((wait_for_step, 17), (wait_for_checkpoint, 20)):
        with held_at(60):  # of 90: or it might have ended before the kill comes
            running = attempt(child)
            wait(database, child, step)
            os.kill(trainer_pid(child), signal.SIGKILL)
            running.join()
    expected = [row for row in losses(database, parent) if row[0] >= 15]
    expected_samples = [row for row in samples(database, parent) if row[0] >= 15]
    expected_sha256 = final_sha256(database, parent)
    with database.write() as session:
        delete_job(session, parent.id)
    remove_deleted(database, settings.artifacts)
    attempt(child).join()

    assert stored(database, child).status == Status.SUCCEEDED
    assert losses(database, child) == expected
    assert samples(database, child) == expected_samples
    assert final_sha256(database, child) == expected_sha256
    with database.read() as session:
        kinds = [event.type for event in list_events(session, child.id)]
    assert "not_exact" not in kinds


def test_forked_from_the_end_it_succeeds_at_once_with_the_parents_weights(
    database: Database, post: Callable[..., Job], attempt: StartAttempt, forked: Callable[..., Job]
) -> None:
    parent = post()
    attempt(parent).join()
    child = forked(parent)
    attempt(child).join()
    ended = stored(database, child)
    assert (ended.status, ended.ended_by, ended.step) == (Status.SUCCEEDED, "epochs", 36)
    assert final_sha256(database, child) == final_sha256(database, parent)
    assert losses(database, child) == []


def test_without_the_optimizer_it_trains_all_steps_from_the_weights(
    database: Database, post: Callable[..., Job], attempt: StartAttempt, forked: Callable[..., Job]
) -> None:
    parent = post()
    attempt(parent).join()
    child = forked(parent, checkpoint="best", with_optimizer=False, spec={"training": {"num_epochs": 1}})
    attempt(child).join()
    assert stored(database, child).status == Status.SUCCEEDED
    rows = losses(database, child)
    assert [row[0] for row in rows] == list(range(6))
    assert rows[0][1] < losses(database, parent)[0][1], "it starts from what the parent has learnt"


def test_a_damaged_start_fails_the_job_with_the_reason(
    database: Database,
    settings: Settings,
    post: Callable[..., Job],
    attempt: StartAttempt,
    forked: Callable[..., Job],
) -> None:
    parent = post(max_attempts=1)
    attempt(parent).join()
    child = forked(parent)
    weights = initial_directory(settings.artifacts, child.id) / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.unlink()
    weights.write_bytes(content)
    attempt(child).join()
    failed = stored(database, child)
    assert failed.status == Status.FAILED
    assert failed.error is not None
    assert failed.error["type"] == "internal"
    assert "weights.safetensors is damaged: its sha256" in failed.error["message"]
    with database.read() as session:
        assert list_checkpoints(session, child.id) == []
