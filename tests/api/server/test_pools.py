"""Every request has a thread pool, by its view."""

import pytest

from api.app import create_app
from api.server.pools import GENERATIONS, HEALTH, PLOTS, READS, TEXTS, UPLOADS, WRITES, PoolConfig, PoolRouter
from jobs.settings import Settings


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> PoolRouter:
    return PoolRouter(create_app(Settings(data_dir=tmp_path_factory.mktemp("data"))))


@pytest.mark.parametrize(
    ("method", "path", "pool"),
    [
        ("GET", "/healthz", HEALTH),
        ("HEAD", "/healthz", HEALTH),
        ("GET", "/version", HEALTH),
        ("GET", "/jobs", READS),
        ("GET", "/jobs/1", READS),
        ("GET", "/readyz", READS),
        ("GET", "/nowhere", READS),
        ("GET", "//jobs", READS),
        ("POST", "/jobs", WRITES),
        ("DELETE", "/jobs/1", WRITES),
        ("POST", "/jobs/1/cancel", WRITES),
        ("POST", "/nowhere", WRITES),
        ("PUT", "/jobs", WRITES),
        ("GET", "/jobs/1/losses.png", PLOTS),
        ("GET", "/jobs/1/losses.svg", PLOTS),
        ("GET", "/generate", GENERATIONS),
        ("POST", "/generate", GENERATIONS),
        ("GET", "/datasets", READS),
        ("POST", "/datasets", UPLOADS),
        ("GET", "/datasets/1/text", TEXTS),
        ("DELETE", "/datasets/1", WRITES),
    ],
)
def test_every_request_runs_in_the_pool_of_its_kind(
    router: PoolRouter, method: str, path: str, pool: PoolConfig
) -> None:
    assert router.pool_of(method, path) == pool
