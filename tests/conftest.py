"""Fixtures that every test may use: settings, a migrated database and a broker, on both backends.

A test that takes `settings`, `database` or `broker` runs twice: on SQLite with the embedded Valkey, and on
PostgreSQL with a standalone redis-server where one is on PATH.
"""

import os

# Before anything imports torch: the tests' processes share the machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ByteSize
from redis import Redis

from jobs.settings import Settings
from jobs.store.database import Database
from migrations.upgrade import upgrade
from tests.backends import (
    PostgresServer,
    RedisServer,
    running_postgres,
    running_redis,
    standalone_redis_server,
)


def pytest_report_header() -> str:
    binary = standalone_redis_server()
    if binary is None:
        return "redis: redis-server is not on PATH, so its tests run against the embedded Valkey as well"
    return f"redis: embedded Valkey with SQLite, {binary} with PostgreSQL"


@pytest.fixture(autouse=True)
def no_settings_of_the_person(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that happen to be set where the tests run must not change what they test."""
    for name in os.environ:
        if name.startswith("PRETRAIN_") and name != "PRETRAIN_DATASET_MIRROR":
            monkeypatch.delenv(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def embedded_redis() -> Iterator[RedisServer]:
    with running_redis(standalone=False) as server:
        yield server


@pytest.fixture(scope="session")
def standalone_redis() -> Iterator[RedisServer]:
    with running_redis(standalone=True) as server:
        yield server


@pytest.fixture
def broker(backend: str, request: pytest.FixtureRequest) -> str:
    """URL of an empty broker."""
    server: RedisServer = request.getfixturevalue(
        "embedded_redis" if backend == "sqlite" else "standalone_redis"
    )
    Redis.from_url(server.url).flushall()
    return server.url


@pytest.fixture
def database_url(backend: str, request: pytest.FixtureRequest) -> Iterator[str | None]:
    """Of an empty PostgreSQL database; None for SQLite, which lies in the data folder."""
    if backend == "sqlite":
        yield None
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.make_database()
    yield url
    server.drop_database(url)


@pytest.fixture
def settings(database_url: str | None, broker: str, tmp_path: Path) -> Settings:
    """Settings of a service with an empty database and an empty broker, with room for any job."""
    return Settings(
        data_dir=tmp_path / "data",
        database_url=database_url,
        redis_url=broker,
        max_job_memory=ByteSize(64 * 2**30),
        generate_timeout_s=10,
    )


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    """Migrated, and without rows."""
    found = Database(settings.database)
    upgrade(found)
    yield found
    found.close()
