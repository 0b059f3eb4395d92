"""How one thread learns that somebody has committed something, without asking for it again and again."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import psycopg
from sqlalchemy import PoolProxiedConnection
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from api.live.wakening import Wakening
from jobs.store.database import Database
from jobs.store.events import CHANNEL

SQLITE_LOOK_S = 0.05
"""Between two looks at SQLite's counter, which take microseconds and no disk."""

UNAVAILABLE = (OperationalError, NoConnectionFree, psycopg.OperationalError, sqlite3.OperationalError)
"""What a database that is away is told by, or one that is so slow that all connections are taken."""


class Doorbell(Protocol):
    def wait(self, timeout_s: float) -> bool:
        """Whether it has rung, now or since the last wait. Ends early when the thread is woken."""


@contextmanager
def open_doorbell(database: Database, wakening: Wakening) -> Iterator[Doorbell]:
    """One on a connection of its own. raises  UNAVAILABLE, as `wait` does"""
    connection = database.engine.raw_connection()
    try:
        doorbell = PostgresDoorbell if database.is_postgresql else SqliteDoorbell
        yield doorbell(connection, wakening)
    finally:
        connection.invalidate()  # it listens: nobody else should get it


class PostgresDoorbell:
    """LISTEN and NOTIFY."""

    def __init__(self, connection: PoolProxiedConnection, wakening: Wakening) -> None:
        driver: Any = connection.driver_connection
        self._connection: psycopg.Connection = driver
        self._wakening = wakening
        self._connection.autocommit = True
        self._connection.execute(f"LISTEN {CHANNEL}")

    def wait(self, timeout_s: float) -> bool:
        self._wakening.wait(timeout_s, self._connection.fileno())
        return bool(list(self._connection.notifies(timeout=0)))


class SqliteDoorbell:
    """`PRAGMA data_version`: a number that changes when another connection, of any process, has committed."""

    def __init__(self, connection: PoolProxiedConnection, wakening: Wakening) -> None:
        self._cursor = connection.cursor()
        self._wakening = wakening
        self._seen = self._data_version()

    def wait(self, timeout_s: float) -> bool:
        until = time.monotonic() + timeout_s
        while (version := self._data_version()) == self._seen:
            left_s = until - time.monotonic()
            if left_s <= 0 or self._wakening.wait(min(SQLITE_LOOK_S, left_s)):
                return False
        self._seen = version
        return True

    def _data_version(self) -> int:
        self._cursor.execute("PRAGMA data_version")
        [version] = self._cursor.fetchall()[0]
        return int(version)
