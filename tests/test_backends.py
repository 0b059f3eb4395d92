"""A PostgreSQL database that one test hands on to the next is as good as a new one."""

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.events import list_events
from jobs.store.tables import Table
from tests.backends import PostgresServer, alone_on
from tests.jobs.making import queued_job


def count_rows(url: str) -> int:
    with alone_on(url) as connection:
        counts = [connection.execute(text(f"SELECT count(*) FROM {name}")) for name in Table.metadata.tables]
    return sum(count.scalar_one() for count in counts)


def first_event(url: str, tmp_path: Path) -> int:
    """Its id, in a database to which this adds a job."""
    database, settings = Database(url), Settings(data_dir=tmp_path, database_url=url)
    with database.read() as session:
        assert list_events(session, queued_job(database, settings).id) != []
    with database.read() as session:
        event_id: int = session.execute(text("SELECT min(id) FROM events")).scalar_one()
    database.close()
    return event_id


def test_a_borrowed_database_is_lent_again_without_rows_and_counts_from_one(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    with postgres.borrow_database() as url:
        assert count_rows(url) == 0
        assert first_event(url, tmp_path / "first") == 1
        assert count_rows(url) > 1
    with postgres.borrow_database() as again:
        assert again == url
        assert count_rows(url) == 0
        assert first_event(again, tmp_path / "second") == 1


def test_whoever_is_connected_to_a_borrowed_database_is_thrown_out(postgres: PostgresServer) -> None:
    with postgres.borrow_database() as url:
        left = Database(url)
        connection = left.engine.connect()
        connection.execute(text("LOCK TABLE jobs"))
    with postgres.borrow_database() as again:
        assert again == url
        with pytest.raises(DBAPIError):
            connection.execute(text("SELECT 1"))
    connection.invalidate()
    left.close()


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE jobs ADD COLUMN colour text",
        "ALTER TABLE jobs DROP COLUMN notes",
        "CREATE TABLE colours (name text)",
        "CREATE INDEX by_notes ON jobs (notes)",
        "DROP TABLE audit",
        "UPDATE alembic_version SET version_num = 'another'",
        "ALTER TABLE jobs DISABLE TRIGGER ALL",
    ],
)
def test_a_borrowed_database_that_has_another_schema_now_is_not_lent_again(
    postgres: PostgresServer, change: str
) -> None:
    with postgres.borrow_database() as url, alone_on(url) as connection:
        connection.execute(text(change))
    with postgres.borrow_database() as another:
        assert another != url
        assert count_rows(another) == 0
