"""Connections to SQLite or PostgreSQL, transactions, upserts, and the database's clock."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Double, Engine, create_engine, event, func, make_url, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.functions import GenericFunction

from jobs.store.tables import Table
from jobs.validation.strict_json import to_json

SQLITE_BUSY_S = 30


class now_s(GenericFunction[float]):
    """Seconds since 1970 by the database's clock, at the moment the statement runs."""

    type = Double()
    inherit_cache = True


@compiles(now_s, "sqlite")
def sqlite_now_s(*_: Any, **__: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(now_s, "postgresql")
def postgresql_now_s(*_: Any, **__: Any) -> str:
    return "cast(extract(epoch from clock_timestamp()) as double precision)"


class Database:
    """An engine, and its transactions for reading and for writing. Errors quote no values.

    On SQLite a writing transaction takes the write lock when it begins: one that started by reading and
    turned to writing would be refused at once, `busy_timeout` or not, if another had written in between.

    connections  at most, a third of them pooled; whoever needs one more waits up to 30 s for it
    """

    def __init__(self, url: str, connections: int = 15) -> None:
        self.url = make_url(url)
        pool = {"pool_size": connections // 3, "max_overflow": connections - connections // 3}
        is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = sqlite_engine(url, pool) if is_sqlite else postgresql_engine(url, pool)
        self._writing = self.engine.execution_options(begin="BEGIN IMMEDIATE")

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only reads. Objects loaded in it stay usable after it has ended."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that commits when the block ends, and rolls back when it raises."""
        with Session(self._writing, expire_on_commit=False) as session, session.begin():
            yield session

    def close(self) -> None:
        self.engine.dispose()


def sqlite_engine(url: str, pool: dict[str, Any]) -> Engine:
    engine = create_engine(
        url, **pool, hide_parameters=True, connect_args={"timeout": SQLITE_BUSY_S}, json_serializer=to_json
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: Any) -> None:
        # pysqlite would otherwise begin transactions when it thinks fit.
        connection.isolation_level = None
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))

    return engine


def postgresql_engine(url: str, pool: dict[str, Any]) -> Engine:
    return create_engine(
        url,
        **pool,
        hide_parameters=True,
        pool_pre_ping=True,
        json_serializer=to_json,
        connect_args={
            "connect_timeout": 5,
            "tcp_user_timeout": 10_000,
            # A host that vanishes while an answer is awaited is noticed in 25 s, not in two hours.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "client_encoding": "utf8",
            "options": "-c statement_timeout=30000 -c idle_in_transaction_session_timeout=60000",
        },
    )


INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def upsert(session: Session, table: type[Table], key: list[str], values: dict[str, Any]) -> None:
    """Insert the row, or overwrite the one that has the same `key` columns."""
    insert = INSERTS[session.get_bind().dialect.name](table).values(values)
    rest = {name: insert.excluded[name] for name in values if name not in key}
    session.execute(insert.on_conflict_do_update(index_elements=key, set_=rest))


def insert_if_absent(session: Session, table: type[Table], values: dict[str, Any]) -> bool:
    """Insert the row unless one has the same primary key or another unique one. Returns whether it was
    inserted."""
    insert = INSERTS[session.get_bind().dialect.name](table).values(values)
    statement = insert.on_conflict_do_nothing().returning(*table.__table__.primary_key)
    return session.execute(statement).first() is not None


def lock_name(session: Session, name: str) -> None:
    """Until the writing transaction has ended, no other one gets past its `lock_name` of the same name."""
    session.connection()  # begins the transaction, which on SQLite excludes all others
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))
