"""The triggers by which a job's rows have versions are there once all migrations have run."""

import pytest
from sqlalchemy import text

from jobs.settings import Settings
from jobs.store.database import Database
from migrations.triggers import POSTGRESQL_TRIGGERS, SQLITE_TRIGGERS, make_triggers
from migrations.upgrade import downgrade, upgrade
from tests.migrations.earlier import earlier_database
from tests.migrations.test_upgrade import DATASET_OF_0001, EVALUATION_OF_0001, JOB_OF_0001


def triggers(database: Database) -> set[str]:
    asked = (
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        if database.url.get_backend_name() == "sqlite"
        else "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
    )
    with database.read() as session:
        return set(session.scalars(text(asked)))


def expected(database: Database) -> set[str]:
    if database.url.get_backend_name() == "sqlite":
        return set(SQLITE_TRIGGERS)
    return {name for _, name, _, _ in POSTGRESQL_TRIGGERS}


def test_a_migrated_database_has_every_trigger(database: Database) -> None:
    assert triggers(database) >= expected(database)


def test_making_them_again_changes_nothing(database: Database) -> None:
    before = triggers(database)
    with database.write() as session:
        make_triggers(session.connection())
    assert triggers(database) == before


@pytest.fixture
def database_of_0016(settings: Settings) -> Database:
    with earlier_database(settings, "0016") as (database, session):
        session.execute(text(DATASET_OF_0001))
        session.execute(text(JOB_OF_0001), {"id": "job-1", "status": "queued"})
        session.execute(text(EVALUATION_OF_0001), {"step": 0, "loss": 9.0})
    return database


def version(database: Database) -> tuple[str, ...]:
    with database.read() as session:
        row = session.execute(text("SELECT job, losses, rewrites, samples FROM job_versions")).one()
    return tuple(row)


def test_jobs_of_the_version_before_get_versions_that_change_with_them(database_of_0016: Database) -> None:
    database = database_of_0016
    upgrade(database)
    first = version(database)
    with database.write() as session:
        session.execute(text(EVALUATION_OF_0001), {"step": 5, "loss": 8.0})
    second = version(database)
    assert [old == new for old, new in zip(first, second, strict=True)] == [True, False, True, True]
    with database.write() as session:
        session.execute(text(EVALUATION_OF_0001), {"step": 3, "loss": 8.0})
    third = version(database)
    assert [old == new for old, new in zip(second, third, strict=True)] == [True, False, False, True]
    with database.write() as session:
        session.execute(text("UPDATE jobs SET name = 'a'"))
    fourth = version(database)
    assert [old == new for old, new in zip(third, fourth, strict=True)] == [False, True, True, True]
    database.close()


def test_without_its_migration_there_are_no_triggers(database_of_0016: Database) -> None:
    assert triggers(database_of_0016) & expected(database_of_0016) == set()
    upgrade(database_of_0016)
    downgrade(database_of_0016, "0016")
    assert triggers(database_of_0016) & expected(database_of_0016) == set()
    database_of_0016.close()


def test_versions_go_with_their_job(database_of_0016: Database) -> None:
    upgrade(database_of_0016)
    with database_of_0016.write() as session:
        session.execute(text("DELETE FROM jobs"))
        assert session.scalar(text("SELECT count(*) FROM job_versions")) == 0
    database_of_0016.close()
