"""The API on each backend, with nothing in it, and a stand-in for the generation worker."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from copy import copy
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_openapi import OpenAPI
from redis import Redis

from api.app import make_application, with_services
from api.services import EXTENSION
from jobs.broker.generation import Message, WorkerRequest, deliver, take_request
from jobs.broker.queue import GENERATE_QUEUE, make_celery, make_redis
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.token_cache import TokenCache
from tests.jobs.making import announce_worker
from tests.waiting import PATIENCE_S

NOWHERE = "redis://127.0.0.1:1/0"


assembled = cache(make_application)
"""Once for the process: it takes as long as a short test."""


def application(settings: Settings) -> OpenAPI:
    """One with its own services, beside which there may be others."""
    app = copy(assembled())
    app.extensions = {}
    return with_services(app, settings)


Serve = Callable[[Settings], FlaskClient]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Makes clients of APIs with other settings than most tests have."""
    opened: list[Database] = []

    def make(settings: Settings) -> FlaskClient:
        app = application(settings)
        opened.append(app.extensions[EXTENSION].database)
        return app.test_client()

    yield make
    for database in opened:
        database.close()


@pytest.fixture
def client(serve: Serve, settings: Settings, database: Database) -> FlaskClient:
    """A client of the API, with a migrated, empty database and an empty broker behind it."""
    return serve(settings)


class NoTokens(TokenCache):
    """Says that there are no tokens without asking a database."""

    def needs_token(self) -> bool:
        return False


@pytest.fixture
def bare_client(serve: Serve, tmp_path: Path) -> FlaskClient:
    """A client of an API that has neither database nor broker, for what is refused before either matters."""
    nowhere = f"sqlite:///{tmp_path}/none/none.sqlite3"
    return without_tokens(serve(Settings(data_dir=tmp_path, database_url=nowhere, redis_url=NOWHERE)))


def without_tokens(client: FlaskClient) -> FlaskClient:
    """The same client, of an API that knows, without a database, that there are none."""
    services = client.application.extensions[EXTENSION]
    tokens = NoTokens(services.database, is_public=False)
    client.application.extensions[EXTENSION] = replace(services, tokens=tokens)
    return client


@pytest.fixture
def live_generation_worker(database: Database) -> None:
    """One that is seen to live, and takes nothing: a prompt waits for it."""
    announce_worker(database, GENERATE_QUEUE)


Reply = Callable[[Any], list[Message]]


@contextmanager
def generation_worker(settings: Settings, reply: Reply, requests: int = 1) -> Iterator[list[WorkerRequest]]:
    """Reply to so many requests through the real broker, as a worker that is seen to live; yields those
    received."""
    with closing(Database(settings.database)) as database:
        announce_worker(database, GENERATE_QUEUE)
    received: list[WorkerRequest] = []
    thread = threading.Thread(target=reply_to_requests, args=(settings, reply, requests, received))
    thread.start()
    yield received
    thread.join()


def reply_to_requests(settings: Settings, reply: Reply, requests: int, received: list[WorkerRequest]) -> None:
    redis = make_redis(settings)
    for _ in range(requests):
        request_id, request = take_next_request(settings, redis)
        received.append(request)
        assert deliver(redis, "stand-in", {request_id: reply(request)}) == set()


def take_next_request(settings: Settings, redis: Redis) -> tuple[str, WorkerRequest]:
    """The next published request and its id, taken as `stand-in`."""
    with (
        make_celery(settings).connection_for_read() as connection,
        connection.SimpleQueue(GENERATE_QUEUE) as queue,
    ):
        message = queue.get(timeout=PATIENCE_S)
        message.ack()
    (request_id,), *_ = message.payload
    request = take_request(redis, request_id, "stand-in")
    assert request is not None
    return request_id, request
