"""Databases as earlier versions left them."""

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import command
from sqlalchemy.orm import Session

from jobs.settings import Settings
from jobs.store.database import Database
from migrations.upgrade import configuration


@contextmanager
def earlier_database(settings: Settings, revision: str) -> Iterator[tuple[Database, Session]]:
    """A database with the schema of that revision, and the transaction that makes it, to which the block adds
    rows. Whoever asks for it closes it."""
    settings.data_dir.mkdir(exist_ok=True)
    database = Database(settings.database)
    with database.write() as session:
        command.upgrade(configuration(session.connection()), revision)
        yield database, session
