"""The API on each backend, with nothing in it, and a stand-in for the generation worker."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from redis import Redis

from api.app import create_app
from api.services import EXTENSION
from jobs.generation import send_answer, take_request
from jobs.queue import GENERATE_QUEUE, make_celery, make_redis
from jobs.settings import Settings

NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture
def client(settings: Settings, database: Any, broker: str) -> Iterator[FlaskClient]:
    """A client of the API, with a migrated, empty database and an empty broker behind it."""
    app = create_app(settings)
    yield app.test_client()
    app.extensions[EXTENSION].database.close()


@pytest.fixture
def bare_client(tmp_path: Path) -> FlaskClient:
    """A client of an API that has neither database nor broker, for what is refused before either matters."""
    settings = Settings(
        data_dir=tmp_path, database_url=f"sqlite:///{tmp_path}/none/none.db", redis_url=NOWHERE
    )
    return create_app(settings).test_client()


Answer = Callable[[dict[str, Any]], dict[str, Any]]


@contextmanager
def generation_worker(settings: Settings, answer: Answer) -> Iterator[list[dict[str, Any]]]:
    """Answer what is asked through the real broker; yields the requests so far."""
    asked: list[dict[str, Any]] = []
    stop = threading.Event()
    thread = threading.Thread(target=serve, args=(settings, answer, asked, stop))
    thread.start()
    try:
        yield asked
    finally:
        stop.set()
        thread.join()


def serve(settings: Settings, answer: Answer, asked: list[dict[str, Any]], stop: threading.Event) -> None:
    redis: Redis = make_redis(settings)
    with make_celery(settings).connection_for_read() as connection:
        queue = connection.SimpleQueue(GENERATE_QUEUE)
        while not stop.is_set():
            try:
                message = queue.get(timeout=0.1)
            except queue.Empty:
                continue
            message.ack()
            (request_id,), *_ = message.payload
            request = take_request(redis, request_id)
            if request is not None:
                asked.append(request)
                send_answer(redis, request_id, answer(request))
        queue.close()
