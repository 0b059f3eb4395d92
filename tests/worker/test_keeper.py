import time
from pathlib import Path

import pytest
from sqlalchemy import update

from jobs.database import Database, now_s
from jobs.lookup import get_job
from jobs.queue import make_celery, make_redis, waiting_messages
from jobs.settings import Settings
from jobs.states import Status
from jobs.tables import Job
from migrations.upgrade import upgrade
from tests.jobs.making import queued_job, running_job
from worker.keeper import Keeper


def make_keeper(settings: Settings, database: Database) -> Keeper:
    return Keeper(settings, database, make_celery(settings), make_redis(settings))


def test_emptying_redis_loses_no_job(database: Database, settings: Settings) -> None:
    for _ in range(3):
        queued_job(database, settings)
    redis = make_redis(settings)
    keeper = make_keeper(settings, database)
    keeper.look()
    assert waiting_messages(redis, "train") == 3
    redis.flushall()
    keeper.look()
    assert waiting_messages(redis, "train") == 3


def test_looking_again_does_not_fill_the_queue(database: Database, settings: Settings) -> None:
    queued_job(database, settings)
    keeper = make_keeper(settings, database)
    for _ in range(5):
        keeper.look()
    assert waiting_messages(make_redis(settings), "train") == 1


def test_a_lost_workers_job_is_taken_away_once_a_lease_has_passed_since_the_start(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = running_job(database, settings)
    with database.write() as session:
        session.execute(update(Job).where(Job.id == job.id).values(lease_expires_at=now_s() - 1))
    keeper = make_keeper(settings, database)
    keeper.look()
    with database.read() as session:
        assert get_job(session, job.id).status == Status.RUNNING
    later = time.monotonic() + settings.lease_s
    monkeypatch.setattr(time, "monotonic", lambda: later)
    keeper.look()
    with database.read() as session:
        assert get_job(session, job.id).status == Status.QUEUED


def test_a_broker_that_is_away_is_tried_again_at_the_next_look(
    database: Database, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    queued_job(database, settings)
    nowhere = settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    Keeper(nowhere, database, make_celery(nowhere), make_redis(nowhere)).look()
    assert "broker does not answer" in caplog.text


def test_a_keeper_started_before_the_schema_is_there_begins_once_it_is(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database(f"sqlite:///{tmp_path / 'new.sqlite3'}")
    keeper = make_keeper(settings, database)
    keeper.look()
    assert "python -m migrations" in caplog.text
    upgrade(database)
    queued_job(database, settings)
    keeper.look()
    assert waiting_messages(make_redis(settings), "train") == 1
    database.close()
