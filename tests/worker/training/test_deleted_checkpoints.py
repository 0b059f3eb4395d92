"""Checkpoints that a person deletes while their job trains."""

from pathlib import Path

import pytest

from jobs.files.cleanup import remove_checkpoint
from jobs.files.layout import checkpoint_root
from jobs.lifecycle.checkpoints import Superseded, list_checkpoints
from jobs.lifecycle.requests import delete_checkpoint
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.events import list_events
from jobs.store.tables import Checkpoint, Job
from model.manifest import CheckpointError
from model.plan import Schedule
from tests.jobs.making import running_job
from tests.model.tiny import tiny_run
from tests.worker.training.test_trainer import train_a_step
from worker.training.eta import EtaEstimator
from worker.training.recorder import Recorder
from worker.training.resumption import newest_good_checkpoint, sweep_leftovers


def recorder_of(database: Database, settings: Settings, job: Job) -> Recorder:
    run = tiny_run(checkpoints={"keep_last": 100, "keep_best": 100})
    eta = EtaEstimator(run, Schedule.of(run, windows=16))
    return Recorder(database, settings.artifacts, job, run.checkpoints, report_alive=lambda: None, eta=eta)


def trained(database: Database, settings: Settings, job: Job) -> Recorder:
    """What records the job, after two checkpoints: of the steps 1 and 2."""
    recorder = recorder_of(database, settings, job)
    root = checkpoint_root(settings.artifacts, job.id, job.attempt)
    train_a_step(root, recorder)
    train_a_step(root, recorder, newest_good_checkpoint(database, settings, job, listed(database, job)))
    return recorder


def listed(database: Database, job: Job) -> list[Checkpoint]:
    with database.read() as session:
        return list_checkpoints(session, job.id)


def delete_first(database: Database, settings: Settings, job: Job) -> str:
    with database.write() as session:
        directory = delete_checkpoint(session, job.id, "1")
    remove_checkpoint(settings.artifacts, directory)
    return directory


def test_one_that_is_to_lose_its_optimizer_ends_no_training(database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    recorder = trained(database, settings, job)
    directory = delete_first(database, settings, job)
    recorder._delete(Superseded(directories=[], training_states=[directory]))
    assert [row.step for row in listed(database, job)] == [2]


def test_one_that_is_listed_and_gone_is_an_error(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = running_job(database, settings)
    recorder = trained(database, settings, job)
    directory = listed(database, job)[0].directory
    remove_checkpoint(settings.artifacts, directory)
    with pytest.raises((CheckpointError, FileNotFoundError)):
        recorder._delete(Superseded(directories=[], training_states=[directory]))


def test_an_attempt_that_has_just_read_the_list_goes_on_without_it(
    database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    trained(database, settings, job)
    before = listed(database, job)
    before[0].resumable = False
    delete_first(database, settings, job)
    sweep_leftovers(database, settings, job, before)
    before[0].resumable = True
    assert newest_good_checkpoint(database, settings, job, before[:1]) is None
    with database.read() as session:
        kinds = [event.type for event in list_events(session, job.id)]
    assert "checkpoint_deleted" in kinds
    assert "checkpoint_damaged" not in kinds
    newest = newest_good_checkpoint(database, settings, job, before)
    assert newest is not None
    assert newest.directory == Path(settings.artifacts / before[1].directory)
