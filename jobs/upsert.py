"""Insert-or-update in one statement, which SQLite and PostgreSQL spell alike but SQLAlchemy keeps apart."""

from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from jobs.tables import Table

INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def upsert(session: Session, table: type[Table], key: list[str], values: dict[str, Any]) -> None:
    """Insert the row, or overwrite the one that has the same `key` columns."""
    insert = INSERTS[session.get_bind().dialect.name](table).values(values)
    rest = {name: insert.excluded[name] for name in values if name not in key}
    session.execute(insert.on_conflict_do_update(index_elements=key, set_=rest))


def insert_new(session: Session, table: type[Table], key: list[str], values: dict[str, Any]) -> bool:
    """Insert the row unless one has the same `key` columns. Returns whether it was inserted."""
    insert = INSERTS[session.get_bind().dialect.name](table).values(values)
    inserted = insert.on_conflict_do_nothing(index_elements=key).returning(*table.__table__.primary_key)
    return session.execute(inserted).first() is not None
