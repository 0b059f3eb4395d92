import threading
from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis

from jobs.generation import (
    GenerationFailed,
    GenerationRequest,
    NoAnswer,
    ask,
    is_awaited,
    send_answer,
    take_request,
)
from jobs.queue import GENERATE_QUEUE, make_celery, make_redis
from jobs.settings import Settings
from model.config import Distribution, SamplingConfig


@pytest.fixture
def redis(settings: Settings) -> Iterator[Redis]:
    with make_redis(settings, timeout_s=30) as client:
        yield client


class Asker:
    """Somebody who asks in a thread."""

    def __init__(self, settings: Settings, redis: Redis, timeout_s: float) -> None:
        self.celery = make_celery(settings)
        self.answer: dict[str, Any] | None = None
        self.problem: Exception | None = None
        self.thread = threading.Thread(target=self._ask, args=(redis, timeout_s))
        self.thread.start()

    def _ask(self, redis: Redis, timeout_s: float) -> None:
        try:
            self.answer = ask(self.celery, redis, {"prompt": "hello"}, timeout_s)
        except Exception as problem:
            self.problem = problem

    def request_id(self) -> str:
        """Out of the message, as a worker gets it."""
        with self.celery.connection_for_read() as connection, connection.SimpleQueue(GENERATE_QUEUE) as queue:
            message = queue.get(timeout=10)
            message.ack()
            found: str = message.decode()[0][0]
            return found


def test_an_answer_reaches_the_one_who_asked(settings: Settings, redis: Redis) -> None:
    asker = Asker(settings, redis, timeout_s=20)
    request_id = asker.request_id()
    assert take_request(redis, request_id) == {"prompt": "hello"}
    assert is_awaited(redis, request_id)
    send_answer(redis, request_id, {"text": "hello world"})
    asker.thread.join()
    assert asker.answer == {"text": "hello world"}
    assert not is_awaited(redis, request_id)


def test_a_failure_is_raised_with_its_reason(settings: Settings, redis: Redis) -> None:
    asker = Asker(settings, redis, timeout_s=20)
    send_answer(redis, asker.request_id(), {"failure": "the checkpoint is gone"})
    asker.thread.join()
    assert isinstance(asker.problem, GenerationFailed)
    assert "the checkpoint is gone" in str(asker.problem)


def test_nobody_waits_any_more_after_the_time_limit(settings: Settings, redis: Redis) -> None:
    asker = Asker(settings, redis, timeout_s=0.2)
    asker.thread.join()
    assert isinstance(asker.problem, NoAnswer)
    request_id = asker.request_id()
    assert take_request(redis, request_id) is None
    assert not is_awaited(redis, request_id)


def test_what_shapes_the_distribution_is_one_type_in_specs_and_in_requests() -> None:
    fields = {"temperature": 0.7, "top_k": 5, "top_p": 0.9}
    for kind in (SamplingConfig, GenerationRequest):
        found = kind.model_validate(fields)
        assert isinstance(found, Distribution)
        assert fields.items() <= found.model_dump().items(), "it stands flat among the other fields"
