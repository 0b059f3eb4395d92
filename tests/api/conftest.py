"""The API on each backend, with nothing in it, and a stand-in for the generation worker."""

import threading
import time
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

from api import services
from api.app import make_application, with_services
from api.monitoring import stored_figures
from api.services import EXTENSION
from api.views import health
from jobs.broker import generation as protocol
from jobs.broker import requester
from jobs.broker.generation import Message, WorkerRequest, deliver, take_request
from jobs.broker.queue import GENERATE_QUEUE, make_celery, make_redis
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.token_cache import TokenCache
from tests.clocks import replace_clock
from tests.jobs.making import announce_worker
from tests.waiting import PATIENCE_S, wait_until

NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture(autouse=True)
def patience_of_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that stands still for seconds must not be taken for a database, a broker or a worker that
    does not answer. Tests of what does not answer set limits of their own."""
    monkeypatch.setattr(health, "CHECK_TIMEOUT_S", PATIENCE_S)
    monkeypatch.setattr(stored_figures, "TIMEOUT_S", PATIENCE_S)
    monkeypatch.setattr(services, "PUBLISH_TIMEOUT_S", PATIENCE_S)
    for module in (protocol, requester):
        monkeypatch.setattr(module, "REQUEST_TTL_S", 2 * PATIENCE_S)
    monkeypatch.setattr(protocol, "WORKER_TTL_S", 2 * PATIENCE_S)


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
    own = client.application.extensions[EXTENSION]
    return with_parts(client, tokens=NoTokens(own.database, is_public=False))


def with_parts(client: FlaskClient, **parts: Any) -> FlaskClient:
    """The same client, of an API that has these in place of its own."""
    extensions = client.application.extensions
    extensions[EXTENSION] = replace(extensions[EXTENSION], **parts)
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
    thread = threading.Thread(
        target=reply_to_requests, args=(settings, reply, requests, received), daemon=True
    )
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
    """The next published request and its id, taken as `stand-in`.

    What is not taken soon is published again: a message may speak of one that has been taken already.
    """
    with (
        make_celery(settings).connection_for_read() as connection,
        connection.SimpleQueue(GENERATE_QUEUE) as queue,
    ):
        while True:
            message = queue.get(timeout=PATIENCE_S)
            message.ack()
            (request_id,), *_ = message.payload
            if (request := take_request(redis, request_id, "stand-in")) is not None:
                return request_id, request


@contextmanager
def generation_worker_that_falls_silent(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, *messages: Message
) -> Iterator[None]:
    """Reply to one request with what is not its end. Its time is over once the requester has read that,
    however long the machine takes: the requester's clock is moved on then."""
    with closing(Database(settings.database)) as database:
        announce_worker(database, GENERATE_QUEUE)
    ahead_s = 0.0
    replace_clock(monkeypatch, requester, monotonic=lambda: time.monotonic() + ahead_s)

    def reply_and_let_time_pass() -> None:
        nonlocal ahead_s
        redis = make_redis(settings)
        request_id, _ = take_next_request(settings, redis)
        assert deliver(redis, "stand-in", {request_id: list(messages)}) == set()
        *_, messages_key = protocol.redis_keys(request_id)
        wait_until(lambda: not redis.exists(messages_key), "all of it was read")
        ahead_s = settings.generate_timeout_s

    thread = threading.Thread(target=reply_and_let_time_pass, daemon=True)
    thread.start()
    yield
    thread.join()
