import os
import shutil
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from jobs.broker.queue import make_celery, make_redis
from jobs.files.datasets import delete_dataset, store_dataset
from jobs.files.layout import checkpoint_root
from jobs.lifecycle.attempts import stop, succeed
from jobs.lifecycle.requests import delete_job, request_pause
from jobs.lifecycle.workers import list_workers
from jobs.settings import Settings
from jobs.spec.job_spec import JobSpec
from jobs.states import Status
from jobs.store.database import Database, now_s
from jobs.store.events import list_events
from jobs.store.lookup import get_job
from jobs.store.tables import Job
from migrations.upgrade import upgrade
from model.estimate.disk import checkpoints_bytes
from tests.clocks import replace_clock
from tests.jobs.making import (
    age_events,
    announce_worker,
    full_disk_job,
    queued_job,
    running_job,
    silence_worker,
)
from tests.jobs.messages import messages
from worker import keeper as keeper_module
from worker.keeper import CLEAN_UP_S, LOST_WORKERS_SHOWN_S, ROUND_TIMEOUT_S, Keeper


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With a lease of some looks: the clock is the test's."""
    return settings.model_copy(update={"lease_s": 3 * settings.keeper_s})


def make_keeper(settings: Settings, database: Database) -> Keeper:
    return Keeper(settings, database, make_celery(settings))


def status_of(database: Database, job: Job) -> str:
    with database.read() as session:
        return get_job(session, job.id).status


def test_emptying_redis_loses_no_job(database: Database, settings: Settings) -> None:
    for _ in range(3):
        queued_job(database, settings)
    announce_worker(database, "train")
    keeper = make_keeper(settings, database)
    keeper.run_once()
    assert messages(settings) == 1, "one for each idle worker, which takes all that wait"
    make_redis(settings).flushall()
    keeper.run_once()
    assert messages(settings) == 1


def test_while_every_worker_is_busy_looking_does_not_fill_the_queue(
    database: Database, settings: Settings
) -> None:
    queued_job(database, settings)
    announce_worker(database, "train", job_id="job-1")
    keeper = make_keeper(settings, database)
    for _ in range(5):
        keeper.run_once()
    assert messages(settings) == 0


def test_a_lost_workers_job_is_taken_away_once_a_lease_has_passed_since_the_start(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = running_job(database, settings)
    with database.write() as session:
        session.execute(update(Job).where(Job.id == job.id).values(lease_expires_at=now_s() - 1))
    clock = Clock(monkeypatch)
    keeper = make_keeper(settings, database)
    keeper.run_once()
    clock.look_on(keeper, settings, settings.lease_s - settings.keeper_s)
    assert status_of(database, job) == Status.RUNNING
    clock.look_on(keeper, settings, settings.keeper_s)
    assert status_of(database, job) == Status.QUEUED


@pytest.mark.parametrize("answers_late", [True, False])
def test_once_the_database_is_back_nothing_is_taken_away_for_a_lease(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch, answers_late: bool
) -> None:
    clock = Clock(monkeypatch)
    keeper = make_keeper(settings, database)
    keeper.run_once()
    clock.look_on(keeper, settings, settings.lease_s)
    job = running_job(database, settings)
    with database.write() as session:
        session.execute(update(Job).where(Job.id == job.id).values(lease_expires_at=now_s() - 1))
    if answers_late:
        clock.now_s += settings.lease_s
    else:
        with monkeypatch.context() as away:
            away.setattr(database, "write", refuse)
            keeper.run_once()
    keeper.run_once()
    clock.look_on(keeper, settings, settings.lease_s - settings.keeper_s)
    assert status_of(database, job) == Status.RUNNING
    clock.look_on(keeper, settings, settings.keeper_s)
    assert status_of(database, job) == Status.QUEUED


class Clock:
    """The monotonic clock, which stands still unless the test moves it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = float(round(time.monotonic()))  # so that sums of seconds are exact
        replace_clock(monkeypatch, keeper_module, monotonic=lambda: self.now_s)

    def look_on(self, keeper: Keeper, settings: Settings, seconds: float) -> None:
        """Let time pass while the keeper looks as often as it does."""
        for _ in range(round(seconds / settings.keeper_s)):
            self.now_s += settings.keeper_s
            keeper.run_once()


def refuse() -> None:
    raise OperationalError("BEGIN", {}, Exception("connection refused"))


def make_checkpoint(settings: Settings, job_id: str) -> Path:
    """A folder such as attempts write, of which no row speaks."""
    directory = checkpoint_root(settings.artifacts, job_id, 1) / "step-1"
    directory.mkdir(parents=True)
    return directory


def set_free_bytes(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))


def test_a_job_that_a_full_disk_paused_is_queued_again_once_it_fits(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = full_disk_job(database, settings)
    needed = checkpoints_bytes(JobSpec.model_validate(job.spec), job.total_steps)
    announce_worker(database, "train")
    keeper = make_keeper(settings, database)
    set_free_bytes(monkeypatch, needed)
    keeper.run_once()
    assert status_of(database, job) == Status.PAUSED, "it had just been paused"
    age_events(database, job.id, settings.disk_retry_s + 1)
    set_free_bytes(monkeypatch, needed - 1)
    keeper.run_once()
    assert status_of(database, job) == Status.PAUSED, "it did not fit"
    assert messages(settings) == 0
    set_free_bytes(monkeypatch, needed)
    keeper.run_once()
    with database.read() as session:
        resumed, data = get_job(session, job.id), list_events(session, job.id)[-1].data
    assert (resumed.status, resumed.error) == (Status.QUEUED, None)
    assert data == {"status": "queued", "reason": "there is room on the disk again"}
    assert messages(settings) == 1


def test_a_job_whose_spec_can_not_be_read_keeps_no_other_from_being_queued_again(
    database: Database, settings: Settings
) -> None:
    unreadable, waiting = (full_disk_job(database, settings) for _ in range(2))
    with database.write() as session:
        session.execute(update(Job).where(Job.id == unreadable.id).values(spec={"preset": "gone"}))
    for job in (unreadable, waiting):
        age_events(database, job.id, settings.disk_retry_s + 1)
    make_keeper(settings, database).run_once()
    assert status_of(database, unreadable) == Status.PAUSED
    assert status_of(database, waiting) == Status.QUEUED


def test_what_a_person_paused_stays_paused(database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    with database.write() as session:
        request_pause(session, job.id)
        stop(session, job.id, 1, "asked")
    age_events(database, job.id, settings.disk_retry_s + 1)
    make_keeper(settings, database).run_once()
    assert status_of(database, job) == Status.PAUSED


def test_what_is_left_of_deleted_jobs_and_of_crashed_attempts_goes_at_the_first_look_and_now_and_then(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = make_keeper(settings, database)
    deleted, crashed = running_job(database, settings), running_job(database, settings)
    with database.write() as session:
        succeed(session, deleted.id, 1, "epochs")
        delete_job(session, deleted.id)
        stop(session, crashed.id, 1, "drained")
    foreign = make_checkpoint(settings, "job-of-another-database")
    left = [make_checkpoint(settings, job.id) for job in (deleted, crashed)]
    keeper.run_once()
    assert [directory.exists() for directory in (*left, foreign)] == [False, False, True]

    again = make_checkpoint(settings, crashed.id)
    keeper.run_once()
    assert again.exists(), "it had just tidied"
    later = time.monotonic() + CLEAN_UP_S
    replace_clock(monkeypatch, keeper_module, monotonic=lambda: later)
    keeper.run_once()
    assert not again.exists()


def test_what_is_left_of_deleted_texts_and_of_broken_uploads_goes(
    database: Database, settings: Settings
) -> None:
    dataset, _ = store_dataset(database, settings, "sea", b"The sea was calm.\n" * 20)
    broken = settings.artifacts / "datasets" / ".broken"
    broken.write_text("The sea")
    os.utime(broken, (0, 0))
    with database.write() as session:
        delete_dataset(session, dataset.id)
    make_keeper(settings, database).run_once()
    assert list((settings.artifacts / "datasets").iterdir()) == []


def test_files_that_cannot_be_deleted_keep_it_from_nothing_else(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    job = running_job(database, settings)
    make_checkpoint(settings, job.id)
    announce_worker(database, "train")
    with database.write() as session:
        stop(session, job.id, 1, "drained")

    def refuse(_: Path) -> None:
        raise PermissionError("read-only file system")

    monkeypatch.setattr(shutil, "rmtree", refuse)
    make_keeper(settings, database).run_once()
    assert "read-only file system" in caplog.text
    assert messages(settings) == 1


def test_workers_that_have_been_lost_for_an_hour_are_forgotten(
    database: Database, settings: Settings
) -> None:
    for worker_id, silence_s in (("long", LOST_WORKERS_SHOWN_S + 1), ("lately", settings.lease_s + 1)):
        silence_worker(database, announce_worker(database, "train", id=worker_id), silence_s)
    make_keeper(settings, database).run_once()
    with database.read() as session:
        assert [state.worker.id for state in list_workers(session, settings.lease_s)] == ["lately"]


def test_a_look_that_does_not_end_is_trouble_and_none_is_between_looks(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    keeper = make_keeper(settings, database)
    troubles: list[str | None] = []

    def hang(_: Keeper) -> None:
        for _ in range(2):
            troubles.append(keeper.find_trouble())
            clock.now_s += ROUND_TIMEOUT_S

    monkeypatch.setattr(Keeper, "_publish", hang)
    assert keeper.find_trouble() is None
    keeper.run_once()
    clock.now_s += ROUND_TIMEOUT_S
    assert troubles == [None, f"its look at the jobs has lasted {ROUND_TIMEOUT_S} s"]
    assert keeper.find_trouble() is None


def test_a_broker_that_is_away_is_tried_again_at_the_next_look(
    database: Database, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    queued_job(database, settings)
    announce_worker(database, "train")
    nowhere = settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    celery = make_celery(nowhere)
    celery.conf.broker_transport_options |= {"max_retries": 1, "interval_start": 0}  # else for six seconds
    Keeper(nowhere, database, celery).run_once()
    assert "broker does not answer" in caplog.text


def test_a_keeper_started_before_the_schema_is_there_begins_once_it_is(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database(f"sqlite:///{tmp_path / 'new.sqlite3'}")
    keeper = make_keeper(settings, database)
    keeper.run_once()
    assert "python -m migrations" in caplog.text
    upgrade(database)
    queued_job(database, settings)
    announce_worker(database, "train")
    keeper.run_once()
    assert messages(settings) == 1
    database.close()
