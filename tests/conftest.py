"""Fixtures that every test may use: settings, a migrated database and a broker, on both backends.

A test that takes `settings`, `database` or `broker` runs twice: on SQLite with the embedded Valkey, and on
PostgreSQL with a standalone redis-server where one is on PATH.
"""

import os
import shutil
import signal

# Before anything imports torch: the tests' processes share the machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import hypothesis
import pytest
from pydantic import ByteSize
from redis import Redis
from structlog.contextvars import clear_contextvars

from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.viewers import EVERYBODY, set_viewer
from migrations.upgrade import upgrade
from tests import sweeps
from tests.backends import (
    PostgresServer,
    RedisServer,
    running_postgres,
    running_redis,
    standalone_redis_server,
)

HANGS_AFTER_S = 1200
"""Several times as long as any test takes on the slowest machine: what has not ended by then hangs."""
AGAIN_AFTER_S = 60
MARKERS = (
    "slow: starts processes or trains; not for daily work",
    "sqlite_will_do: asks of the database what others ask of both; of PostgreSQL it does with --thorough",
    "postgresql_will_do: the same the other way round",
    "thinned: goes a shorter way than with --thorough",
    "thorough: only with --thorough, for what others do in part or for what it needs",
)
EXAMPLES = 400
"""Of each property, unless it says otherwise, where it is tested the whole way."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--fast",
        action="store_true",
        help="what takes little time: no PostgreSQL, no services, of the numerics float32 alone",
    )
    parser.addoption("--thorough", action="store_true", help="go the whole way, however long it is")
    parser.addoption(
        "--hangs-after", type=int, default=HANGS_AFTER_S, help="seconds after which a test has hung"
    )


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    if config.getoption("--fast"):
        sweeps.reach = "fast"
    elif config.getoption("--thorough"):
        sweeps.reach = "whole"
    # How long an example takes depends on what else the machine does.
    hypothesis.settings.register_profile(
        "suite",
        deadline=None,
        max_examples=sweeps.examples(EXAMPLES),
        suppress_health_check=[hypothesis.HealthCheck.too_slow],
    )
    hypothesis.settings.load_profile("suite")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [item for item in items if not is_due(item)]
    items[:] = [item for item in items if is_due(item)]
    config.hook.pytest_deselected(items=left_out)


def is_due(item: pytest.Item) -> bool:
    """Whether tests that go as far as these run it."""
    params = item.callspec.params if hasattr(item, "callspec") else {}
    on_postgresql = "postgresql" in params.values()
    if item.get_closest_marker("thorough") is not None and sweeps.reach != "whole":
        return False
    match sweeps.reach:
        case "fast":
            in_float32 = params.get("numerics", "float32") == "float32"
            return item.get_closest_marker("slow") is None and not on_postgresql and in_float32
        case "usual":
            one_will_do = "sqlite_will_do" if on_postgresql else "postgresql_will_do"
            return item.get_closest_marker(one_will_do) is None
        case "whole":
            return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Have a test that hangs fail where it hangs, so that it is named and what it has started is ended."""
    limit_s: int = item.config.getoption("--hangs-after")

    def fail(*_: object) -> None:
        pytest.fail(f"{item.nodeid} hangs: it has not ended within {limit_s} s")

    before = signal.signal(signal.SIGALRM, fail)
    signal.setitimer(signal.ITIMER_REAL, limit_s, AGAIN_AFTER_S)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


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


@pytest.fixture(autouse=True)
def nobody_in_particular_asks() -> None:
    """The server runs each request in a context of its own; Flask's test client leaves its viewer behind, and
    its request's id."""
    set_viewer(EVERYBODY)
    clear_contextvars()


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Callable[[dict[str, Any]], Any]:
    """What a job ends in when nothing disturbs it: see `reference_of`."""
    from tests.chaos.reference import reference_of  # and PyTorch with it, which most tests do without

    return lambda spec: reference_of(spec, tmp_path_factory)


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
    """Of a PostgreSQL database, which is migrated if the test takes `database`, else empty; None for SQLite,
    which lies in the data folder."""
    if backend == "sqlite":
        yield None
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    if "database" in request.fixturenames:
        with server.borrow_database() as url:
            yield url
        return
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
        generate_timeout_s=60,
    )


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """No built-in text can be fetched, from a mirror neither: a test that expects so must not depend on where
    it runs."""

    def fail(_: str) -> None:
        raise httpx2.ConnectError("no network in tests")

    monkeypatch.setattr("jobs.files.builtin_datasets.read_source", fail)


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with all tables and no rows, to be copied: the migrations take a tenth of a second."""
    file = tmp_path_factory.mktemp("migrated") / "pretrain.sqlite3"
    database = Database(f"sqlite:///{file}")
    upgrade(database)
    database.close()
    return file


@pytest.fixture
def database(settings: Settings, database_url: str | None, migrated_sqlite: Path) -> Iterator[Database]:
    """Migrated, and without rows."""
    found = Database(settings.database)
    if database_url is None:
        assert found.url.database is not None
        Path(found.url.database).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(migrated_sqlite, found.url.database)
    yield found
    found.close()
