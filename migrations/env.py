"""Alembic's entry point: one set of migrations for SQLite and PostgreSQL.

`python -m migrations` passes its connection; the `alembic` command connects to the database of the settings.
"""

from alembic import context
from sqlalchemy import Connection

from jobs.settings import load_settings
from jobs.store.database import Database
from jobs.store.tables import Table
from migrations.triggers import make_triggers
from migrations.upgrade import schema_changes


def run_migrations(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=Table.metadata, render_as_batch=True)
    before = context.get_context().get_current_revision()
    with context.begin_transaction():
        context.run_migrations()
        if context.get_context().get_current_revision() != before:
            make_triggers(connection)


if (passed := context.config.attributes.get("connection")) is not None:
    run_migrations(passed)
else:
    with schema_changes(Database(load_settings().database)) as connection:
        run_migrations(connection)
