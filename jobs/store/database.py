"""Connections to SQLite or PostgreSQL, transactions, upserts, and the database's clock."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Double,
    Engine,
    any_,
    create_engine,
    event,
    func,
    literal,
    make_url,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.functions import Function, GenericFunction

from jobs.store.tables import Table
from jobs.validation.strict_json import to_json

SQLITE_BUSY_S = 30
WRITE_AHEAD_RETRY_S = 0.01
BEFORE_COMMIT = "before_commit"
"""In `Session.info`: what `before_commit` was asked for."""
INSERTED = "inserted"
"""In `Session.info`: what `insert_if_absent` has inserted."""

each_write: ContextVar[Callable[[Session], None] | None] = ContextVar("each_write", default=None)
"""What is done first in each writing transaction of this thread, such as to have it audited."""


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


def now_us(session: Session) -> int:
    """Microseconds since 1970 by the database's clock."""
    return round(session.execute(select(now_s())).scalar_one() * 1e6)


class Database:
    """An engine, and its transactions for reading and for writing. Errors quote no values.

    On SQLite a writing transaction takes the write lock when it begins: one that started by reading and
    turned to writing would be refused at once, `busy_timeout` or not, if another had written in between.

    connections   at most, a third of them pooled; whoever needs one more waits up to 30 s for it
    foreign_keys  False: SQLite does not enforce them, for migrations that make a table anew. To drop the old
                  one would delete the rows that refer to it
    """

    def __init__(self, url: str, connections: int = 15, *, foreign_keys: bool = True) -> None:
        self.url = make_url(url)
        pool = {"pool_size": connections // 3, "max_overflow": connections - connections // 3}
        self.is_postgresql = self.url.get_backend_name() == postgresql.dialect.name
        self.engine = (
            postgresql_engine(url, pool)
            if self.is_postgresql
            else sqlite_engine(url, pool, foreign_keys=foreign_keys)
        )
        self._writing = self.engine.execution_options(begin="BEGIN IMMEDIATE")
        # Whatever a transaction reads on SQLite, it reads as of the same moment.
        snapshots = {"isolation_level": "REPEATABLE READ"} if self.is_postgresql else {}
        self._snapshots = self.engine.execution_options(**snapshots)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only reads. Objects loaded in it stay usable after it has ended."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def snapshot(self) -> Iterator[Session]:
        """As `read`, but all of its statements see the database as the first one does, whatever is written
        meanwhile."""
        with Session(self._snapshots, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that commits when the block ends, and rolls back when it raises."""
        with Session(self._writing, expire_on_commit=False) as session, session.begin():
            if (action := each_write.get()) is not None:
                action(session)
            yield session
            if session.in_transaction():  # the block may have rolled it back
                for last in session.info.pop(BEFORE_COMMIT, []):
                    last(session)

    def close(self) -> None:
        self.engine.dispose()


def sqlite_engine(url: str, pool: dict[str, Any], *, foreign_keys: bool = True) -> Engine:
    engine = create_engine(
        url, **pool, hide_parameters=True, connect_args={"timeout": SQLITE_BUSY_S}, json_serializer=to_json
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: Any) -> None:
        # pysqlite would otherwise begin transactions when it thinks fit.
        connection.isolation_level = None
        enforced = "ON" if foreign_keys else "OFF"
        write_ahead(connection)
        for pragma in ("synchronous = FULL", f"foreign_keys = {enforced}"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))

    return engine


def write_ahead(connection: sqlite3.Connection) -> None:
    """Have the file written by a log ahead of it, which is so for good once one connection has asked for it.

    Two that come first to a new file, of processes that are started together, stand in each other's way, and
    SQLite tells one of them so at once, `busy_timeout` or not. raises  sqlite3.OperationalError
    """
    until_s = time.monotonic() + SQLITE_BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until_s:
                raise
        time.sleep(WRITE_AHEAD_RETRY_S)


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


def before_commit(session: Session, action: Callable[[Session], None]) -> None:
    """Have `action` be the last of the writing transaction, once, however often it is asked for."""
    actions = session.info.setdefault(BEFORE_COMMIT, [])
    if action not in actions:
        actions.append(action)


def is_postgresql(session: Session) -> bool:
    """Whether the session's database is PostgreSQL; else it is SQLite."""
    return session.get_bind().dialect.name == postgresql.dialect.name


def insert_of(session: Session, table: type[Table], values: dict[str, Any]) -> Any:
    """The statement that inserts a row and can say what is to be done where there is one: each database has
    its own."""
    insert: Any = postgresql.insert if is_postgresql(session) else sqlite.insert
    return insert(table).values(values)


def upsert(session: Session, table: type[Table], key: list[str], values: dict[str, Any]) -> None:
    """Insert the row, or overwrite the one that has the same `key` columns."""
    insert = insert_of(session, table, values)
    rest = {name: insert.excluded[name] for name in values if name not in key}
    session.execute(insert.on_conflict_do_update(index_elements=key, set_=rest))


def insert_if_absent(session: Session, table: type[Table], values: dict[str, Any]) -> bool:
    """Insert the row unless one has the same primary key or another unique one. Returns whether it was
    inserted."""
    insert = insert_of(session, table, values)
    statement = insert.on_conflict_do_nothing().returning(*table.__table__.primary_key)
    is_new = session.execute(statement).first() is not None
    if is_new:
        session.info.setdefault(INSERTED, []).append((table, values))
    return is_new


def inserted_rows(session: Session) -> list[tuple[type[Table], dict[str, Any]]]:
    """What `insert_if_absent` has inserted in the transaction: tables and values."""
    inserted: list[tuple[type[Table], dict[str, Any]]] = session.info.get(INSERTED, [])
    return inserted


def is_one_of(session: Session, column: ColumnElement[int], values: Sequence[int]) -> ColumnElement[bool]:
    """As `column.in_(values)`, for long lists: a single parameter, where a thousand take longer to be written
    into the statement and to be planned than their rows to be found."""
    if is_postgresql(session):
        return column == any_(literal(list(values), postgresql.ARRAY(BigInteger)))
    listed = func.json_each(to_json(list(values))).table_valued("value")
    return column.in_(select(listed.c.value))


def lock_name(session: Session, name: str) -> None:
    """Until the writing transaction has ended, no other one gets past its `lock_name` of the same name."""
    session.connection()  # begins the transaction, which on SQLite excludes all others
    if is_postgresql(session):
        session.execute(select(lock_of(name)))


def lock_of(name: str) -> Function[Any]:
    """On PostgreSQL, what waits for the lock of that name and holds it until the transaction has ended."""
    return func.pg_advisory_xact_lock(func.hashtextextended(name, 0))
