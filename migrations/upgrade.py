"""Upgrades a database's schema to this version of the code. Several processes may do so at once."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from jobs.store.database import Database

LOCK_KEY = 7_071_944
"""Of PostgreSQL's advisory lock: any number that nothing else uses."""


ORPHANS = text("PRAGMA foreign_key_check")


class UnknownSchema(Exception):
    """A schema of a newer version of the code."""


def configuration(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def head_revision() -> str:
    """The revision of this version of the code."""
    head = ScriptDirectory.from_config(configuration()).get_current_head()
    assert head is not None
    return head


def upgrade(database: Database) -> str:
    """Apply the missing migrations, all or none, and return the revision. raises  UnknownSchema"""
    if not database.is_postgresql and database.url.database:
        Path(database.url.database).parent.mkdir(parents=True, exist_ok=True)
    with schema_changes(database) as connection:
        if database.is_postgresql:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
        current = MigrationContext.configure(connection).get_current_revision()
        scripts = ScriptDirectory.from_config(configuration())
        known = {script.revision for script in scripts.walk_revisions()}
        if current is not None and current not in known:
            raise UnknownSchema(
                f"the database is at schema {current}, which this version does not know: it was made by a "
                "newer version of pretrain. Start that version, or point PRETRAIN_DATABASE_URL elsewhere"
            )
        command.upgrade(configuration(connection), "head")
    return head_revision()


def downgrade(database: Database, revision: str) -> None:
    """Undo the migrations behind that revision, all or none."""
    with schema_changes(database) as connection:
        command.downgrade(configuration(connection), revision)


@contextmanager
def schema_changes(database: Database) -> Iterator[Connection]:
    """A transaction in which tables may be made anew.

    SQLite enforces no foreign keys meanwhile (it can't change that once a transaction has begun), but nothing
    is committed that violates one.
    """
    unenforced = type(database)(database.url.render_as_string(hide_password=False), foreign_keys=False)
    with closing(unenforced), unenforced.write() as session:
        connection = session.connection()
        yield connection
        if not database.is_postgresql and (orphans := connection.execute(ORPHANS).all()):
            raise RuntimeError(f"the migration would leave rows that refer to nothing: {orphans[:5]}")


def schema_is_current(database: Database) -> bool:
    """Whether the database has the schema of this version."""
    with database.read() as session:
        current = MigrationContext.configure(session.connection()).get_current_revision()
    return current == head_revision()
