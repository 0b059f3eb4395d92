"""Alembic's entry point: one set of migrations for SQLite and PostgreSQL.

`python -m migrations` passes its connection; the `alembic` command connects to the database of the settings.
"""

from alembic import context
from sqlalchemy import Connection

from jobs.settings import load_settings
from jobs.store.database import Database
from jobs.store.tables import Table


def run_migrations(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=Table.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


if (passed := context.config.attributes.get("connection")) is not None:
    run_migrations(passed)
else:
    with Database(load_settings().database).engine.connect() as connection:
        run_migrations(connection)
        connection.commit()
