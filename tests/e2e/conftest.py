"""Whole services: `pretrain up` with everything real, on both pairs of backends."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from tests.backends import PostgresServer, RedisServer
from tests.client.running import Running, environment_on, wait_until

Start = Callable[..., Running]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts `pretrain` on a data folder, and kills at the end what was left running."""
    started: list[Running] = []

    def begin(data_dir: Path, *words: str, **variables: str) -> Running:
        environment = environment_on(data_dir, PRETRAIN_THREADS="1", **variables)
        started.append(Running([*words, "--port", "0"], environment))
        return started[-1]

    yield begin
    for running in started:
        running.process.kill()
        running.process.wait()
    wait_until(lambda: not any(running.processes() for running in started), "all processes were gone")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def service(
    request: pytest.FixtureRequest, start: Start, tmp_path_factory: pytest.TempPathFactory
) -> Running:
    """A ready service: on SQLite with its own Valkey, or on PostgreSQL with a Redis that others run."""
    variables = {}
    if request.param == "postgresql":
        postgres: PostgresServer = request.getfixturevalue("postgres")
        broker: RedisServer = request.getfixturevalue("standalone_redis")
        Redis.from_url(broker.url).flushall()
        variables = {"PRETRAIN_DATABASE_URL": postgres.make_database(), "PRETRAIN_REDIS_URL": broker.url}
    running = start(tmp_path_factory.mktemp(request.param) / "data", "up", **variables)
    running.wait_for("pretrain is ready.")
    return running
