import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from jobs.database import Database
from jobs.settings import Settings
from jobs.tables import Table
from migrations.upgrade import UnknownSchema, head_revision, schema_is_current, upgrade


def test_the_migrations_make_exactly_the_tables_of_the_code(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Table.metadata) == []


def test_upgrading_again_changes_nothing(database: Database) -> None:
    assert upgrade(database) == head_revision()
    assert schema_is_current(database)


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
