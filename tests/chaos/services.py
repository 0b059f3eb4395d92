"""Services for tests, which take turns at one where they may: a start takes seconds of both cores."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from redis import Redis

from tests.backends import PostgresServer, RedisServer
from tests.chaos.service import Service

OF_ONE_TEST = {"links", "data_dir", "artifacts_url"}
"""Options by which a service depends on what ends with its test."""


@dataclass
class Started:
    options: dict[str, Any]
    service: Service
    database_url: str | None


class Services:
    """Starts services, and keeps the last one for the next test if that asks for the same.

    That test gets it as after a start, but with the rows, files and logs of those before: see
    `Service.restore`.

    spare_trainer  whether their workers keep one, unless a test says otherwise
    """

    def __init__(
        self,
        folders: pytest.TempPathFactory,
        redis_server: RedisServer,
        postgres: Callable[[], PostgresServer],
        *,
        spare_trainer: bool,
    ) -> None:
        self._folders = folders
        self._redis_server = redis_server
        self._postgres = postgres
        self._usual = {"workers": 1, "keepers": 1, "generators": 0, "spare_trainer": spare_trainer}
        self._started: list[Started] = []
        self._is_kept = False

    def start(self, *, database: str = "sqlite", **options: Any) -> Service:
        """`database="postgresql"` for one on PostgreSQL, else SQLite; `options` are those of `Service`."""
        options = {**self._usual, **options, "database": database}
        if self._is_kept:
            self._is_kept = False
            if self._started[0].options == options:
                self._started[0].service.restore()
                return self._started[0].service
            self._close()
        if not self._started:
            Redis.from_url(self._redis_server.url).flushall()
        url = self._postgres().make_database(migrated=True) if database == "postgresql" else None
        given = {name: value for name, value in options.items() if name != "database"}
        service = Service(
            self._folders.mktemp("service") / "service",
            database_url=url,
            redis_url=self._redis_server.url,
            **given,
        )
        self._started.append(Started(options, service, url))
        service.start()
        return service

    def end_test(self, *, passed: bool) -> None:
        """Close what the test has started, but for one service that another test may use."""
        if self._is_kept:
            return  # this test has started none
        self._is_kept = (
            passed and len(self._started) == 1 and not OF_ONE_TEST & self._started[0].options.keys()
        )
        if not self._is_kept:
            self._close()

    def close(self) -> None:
        """At the end of all tests, at which databases go with their server."""
        for started in self._started:
            started.service.close()

    def _close(self) -> None:
        for started in self._started:
            started.service.close()
            if started.database_url is not None:
                self._postgres().drop_database(started.database_url)
        self._started = []
