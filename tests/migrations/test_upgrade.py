import threading

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from jobs.database import Database
from jobs.events import list_events
from jobs.history import list_evaluations
from jobs.lookup import get_job
from jobs.settings import Settings
from jobs.tables import Table
from jobs.workers import list_workers
from migrations.upgrade import UnknownSchema, configuration, head_revision, schema_is_current, upgrade


def test_the_migrations_make_exactly_the_tables_of_the_code(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Table.metadata) == []


def test_upgrading_again_changes_nothing(database: Database) -> None:
    assert upgrade(database) == head_revision()
    assert schema_is_current(database)


def test_a_database_of_the_first_version_keeps_its_rows(settings: Settings) -> None:
    settings.data_dir.mkdir(exist_ok=True)
    database = Database(settings.database)
    with database.write() as session:
        command.upgrade(configuration(session.connection()), "0001")
        session.execute(text(DATASET_OF_0001))
        for job_id, status in (("job-1", "queued"), ("job-2", "succeeded")):
            session.execute(text(JOB_OF_0001), {"id": job_id, "status": status})
        session.execute(text(EVENT_OF_0001))
        for step, loss in ((0, 9.0), (5, 7.0), (10, 8.0)):
            session.execute(text(EVALUATION_OF_0001), {"step": step, "loss": loss})
    assert not schema_is_current(database)
    upgrade(database)
    with database.read() as session:
        waiting, done = (get_job(session, job_id) for job_id in ("job-1", "job-2"))
        assert (waiting.status, waiting.spec, waiting.created_at) == ("queued", {"seed": 1}, 1.5)
        assert (waiting.queued_at, done.queued_at) == (1.5, None)
        assert [event.data for event in list_events(session, "job-1")] == [{"status": "queued"}]
        assert [row.val_loss for row in list_evaluations(session, "job-1")] == [9.0, 7.0, 8.0]
        assert list_workers(session, lease_s=30) == []
    database.close()


DATASET_OF_0001 = """
    INSERT INTO datasets (id, name, builtin, sha256, characters, bytes, first_lines, created_at)
    VALUES ('dataset-1', 'mine', false, 'ab', 1, 1, 'a', 1.0)
"""
JOB_OF_0001 = """
    INSERT INTO jobs (id, status, spec, labels, queue, priority, dataset_id, dataset_sha256, parameters,
                      total_steps, attempt, failures, step, epoch, tokens_seen, created_at)
    VALUES (:id, :status, '{"seed": 1}', '{}', 'train', 0, 'dataset-1', 'ab', 1, 1, 0, 0, 0, 0, 0, 1.5)
"""
EVENT_OF_0001 = """
    INSERT INTO events (job_id, type, attempt, data, created_at)
    VALUES ('job-1', 'status', 0, '{"status": "queued"}', 1.5)
"""
EVALUATION_OF_0001 = """
    INSERT INTO evaluations (job_id, step, epoch, tokens_seen, train_loss, val_loss, learning_rate,
                             recorded_at)
    VALUES ('job-1', :step, 1, 1, :loss, :loss, 0.1, 1.5)
"""


def test_several_processes_may_upgrade_at_once(settings: Settings) -> None:
    databases = [Database(settings.database) for _ in range(4)]
    problems: list[Exception] = []

    def run(database: Database) -> None:
        try:
            upgrade(database)
        except Exception as error:
            problems.append(error)

    threads = [threading.Thread(target=run, args=(database,)) for database in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert schema_is_current(databases[0])


def test_a_schema_of_a_newer_version_is_refused_with_the_reason(database: Database) -> None:
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(UnknownSchema, match=r"9999.*newer version"):
        upgrade(database)
    assert not schema_is_current(database)


def test_an_empty_database_is_not_current(settings: Settings) -> None:
    settings.data_dir.mkdir(exist_ok=True)
    assert not schema_is_current(Database(settings.database))
