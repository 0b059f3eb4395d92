"""What people ask of a job reaches its trainer, and outlives it."""

import os
import signal
from collections.abc import Callable

import pytest

from jobs.lifecycle.checkpoints import list_checkpoints
from jobs.lifecycle.history import list_evaluations, list_samples
from jobs.lifecycle.requests import request_cancel, request_checkpoint, request_finish
from jobs.settings import Settings
from jobs.states import Status
from jobs.store.database import Database
from jobs.store.events import list_events
from jobs.store.tables import Job
from tests.chaos.reference import Referee
from tests.chaos.stopping import go_on, stop_on
from tests.small import small_spec
from tests.waiting import wait_until
from tests.worker.conftest import Attempt
from tests.worker.training.test_supervisor import (
    check_undisturbed,
    stored,
    trainer_pid,
    wait_for_checkpoint,
    wait_for_step,
)

pytestmark = [pytest.mark.slow, pytest.mark.sqlite_will_do]

StartAttempt = Callable[[Job], Attempt]
Post = Callable[..., Job]
LONG = {"num_epochs": 1000}
ROOMY = {"training": {"num_epochs": 40}, "checkpoints": {"every_epochs": None, "every_steps": 1000}}
"""Long enough for requests to find it running, without a checkpoint of its own before the end."""


@pytest.fixture(autouse=True)
def no_checkpoint_by_time(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """However slow the machine is: there are those that the spec or a person has asked for."""
    monkeypatch.setenv("PRETRAIN_CHECKPOINT_S", "100000")


def check_finished(database: Database, settings: Settings, job: Job) -> None:
    """Expect that it has succeeded by request, and that its record, losses, samples, checkpoints and files
    tell of the same end."""
    done = stored(database, job)
    assert (done.status, done.ended_by, done.stopping) == (Status.SUCCEEDED, "finish", None)
    assert 0 < done.step < done.total_steps
    with database.read() as session:
        checkpoints = list_checkpoints(session, job.id)
        steps = [row.step for row in list_evaluations(session, job.id)]
        sampled = [row.step for row in list_samples(session, job.id)]
    assert steps == list(range(done.step))
    assert (sampled[-1], checkpoints[-1].step) == (done.step - 1, done.step)
    assert (done.latest_step, checkpoints[-1].val_loss) == (done.step - 1, done.latest_val_loss)
    on_disk = set((settings.artifacts / "jobs" / job.id).glob("attempt-*/*"))
    assert on_disk == {settings.artifacts / checkpoint.directory for checkpoint in checkpoints}


def test_a_running_job_finishes_when_it_is_asked_to(
    database: Database, settings: Settings, post: Post, attempt: StartAttempt
) -> None:
    job = post(training=LONG)
    running = attempt(job)
    wait_for_step(database, job, 3)
    with database.write() as session:
        request_finish(session, job.id)
    running.join()
    check_finished(database, settings, job)


def test_a_job_whose_trainer_is_lost_finishes_at_its_last_checkpoint(
    database: Database, settings: Settings, post: Post, attempt: StartAttempt
) -> None:
    job = post(training=LONG)
    running = attempt(job)
    wait_for_checkpoint(database, job, 5)
    os.kill(trainer_pid(job), signal.SIGKILL)
    running.join()
    with database.write() as session:
        assert request_finish(session, job.id).status == Status.QUEUED
    with database.read() as session:
        kept = [row.step for row in list_checkpoints(session, job.id) if row.resumable][-1]
    attempt(job).join()
    check_finished(database, settings, job)
    assert (stored(database, job).step, stored(database, job).attempt) == (kept, 2)


def test_a_cancel_while_it_finishes_is_obeyed(
    database: Database, settings: Settings, post: Post, attempt: StartAttempt
) -> None:
    job = post(training=LONG)
    running = attempt(job)
    wait_for_step(database, job, 1)
    trainer = trainer_pid(job)
    stop_on(settings.database, trainer)  # or it might have finished before the cancel comes
    with database.write() as session:
        request_finish(session, job.id)
    with database.write() as session:
        request_cancel(session, job.id)
    go_on(trainer)
    running.join()
    assert (stored(database, job).status, stored(database, job).ended_by) == (Status.CANCELLED, None)


def test_checkpoints_that_are_asked_for_are_written_one_by_one_and_change_nothing(
    database: Database, post: Post, attempt: StartAttempt, reference: Referee
) -> None:
    job = post(**ROOMY)
    running = attempt(job)
    for step in (2, 8):
        wait_for_step(database, job, step)
        with database.write() as session:
            request_checkpoint(session, job.id)
        wait_until(lambda: stored(database, job).checkpoint_asked_at is None, "the checkpoint was written")
    running.join()
    check_undisturbed(database, job, reference(small_spec(**ROOMY)))
    with database.read() as session:
        written = [event.data["step"] for event in list_events(session, job.id) if event.type == "checkpoint"]
    assert len(written) == 3
    assert written[0] > 2
    assert written[1] > 8


def test_a_checkpoint_asked_of_a_trainer_that_is_lost_is_written_by_the_next(
    database: Database, post: Post, attempt: StartAttempt, reference: Referee
) -> None:
    job = post(**ROOMY)
    running = attempt(job)
    wait_for_step(database, job, 2)
    with database.write() as session:
        request_checkpoint(session, job.id)
    os.kill(trainer_pid(job), signal.SIGKILL)
    running.join()
    attempt(job).join()
    with database.read() as session:
        written = [event.data["step"] for event in list_events(session, job.id) if event.type == "checkpoint"]
    assert len(written) == 2, "the one that was asked for, and the last"
    check_undisturbed(database, job, reference(small_spec(**ROOMY)))
