"""What goes to the requesters, through a real Redis."""

from collections.abc import Iterator

import pytest
from redis import Redis

from jobs.broker.generation import (
    MESSAGE,
    Failure,
    GenerationRequest,
    Message,
    Piece,
    redis_keys,
    take_request,
)
from jobs.broker.queue import make_redis
from jobs.settings import Settings
from tests.backends import RedisServer
from tests.chaos.proxy import Proxy, behind
from tests.waiting import PATIENCE_S, wait_until
from worker.generation import delivery as module
from worker.generation.delivery import Delivery

FAILURE = Failure(cause="internal", reason="no")


def piece(number: int) -> Piece:
    """One after which more comes."""
    return Piece(number=number, text="", completion_tokens=number + 1, tokens_per_s=1.0)


@pytest.fixture
def redis(settings: Settings) -> Iterator[Redis]:
    with make_redis(settings) as client:
        yield client


class Delivered:
    """A delivery, and the requests that it says nobody waits for."""

    def __init__(self, redis: Redis) -> None:
        self.cancelled: list[str] = []
        self.delivery = Delivery(redis, "worker-1")
        self.delivery.start(self.cancelled.append)


@pytest.fixture
def delivered(redis: Redis) -> Iterator[Delivered]:
    delivered = Delivered(redis)
    yield delivered
    delivered.delivery.close()


def store(redis: Redis, request_id: str) -> str:
    """A request that somebody waits for and the worker has taken."""
    redis.set(redis_keys(request_id)[0], GenerationRequest().model_dump_json())
    assert take_request(redis, request_id, "worker-1")
    return request_id


def test_messages_come_in_their_order_and_the_last_ends_it(redis: Redis, delivered: Delivered) -> None:
    request_id = store(redis, "a")
    assert delivered.delivery.keep_alive(request_id)
    assert not delivered.delivery.keep_alive(request_id)
    messages: list[Message] = [*map(piece, range(50)), FAILURE]
    for message in messages:
        delivered.delivery.send(request_id, message)
    wait_until(lambda: redis.llen(redis_keys(request_id)[2]) == 51, "all were there")
    stored = redis.lrange(redis_keys(request_id)[2], 0, -1)
    assert [MESSAGE.validate_json(each) for each in stored] == messages
    wait_until(lambda: not delivered.delivery._unsent, "it was over")
    delivered.delivery.send(request_id, FAILURE)  # of no use any more
    assert delivered.cancelled == []


def test_a_worker_that_has_nothing_to_send_says_that_it_lives(redis: Redis, delivered: Delivered) -> None:
    request_id = store(redis, "a")
    delivered.delivery.keep_alive(request_id)
    redis.pexpire(redis_keys(request_id)[1], 1000)
    wait_until(lambda: int(redis.pttl(redis_keys(request_id)[1])) > 4000, "it was kept alive")


def test_what_nobody_waits_for_any_more_is_told_once_and_leaves_nothing(
    redis: Redis, delivered: Delivered
) -> None:
    waited_for, given_up = store(redis, "a"), store(redis, "b")
    for request_id in (waited_for, given_up):
        delivered.delivery.keep_alive(request_id)
    redis.delete(*redis_keys(given_up))
    wait_until(lambda: delivered.cancelled == [given_up], "it was cancelled")
    delivered.delivery.send(given_up, FAILURE)
    delivered.delivery.send(waited_for, FAILURE)
    wait_until(lambda: redis.llen(redis_keys(waited_for)[2]), "the other one was answered")
    assert delivered.cancelled == [given_up]
    assert not redis.exists(*redis_keys(given_up))


def test_messages_wait_for_a_broker_that_is_away_and_come_in_their_order(
    embedded_redis: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "SILENCE_S", PATIENCE_S)  # it stays away for no longer, however slow this is
    proxy = Proxy(embedded_redis.port)
    near = Redis.from_url(embedded_redis.url, decode_responses=True)
    request_id = store(near, "away")
    delivered = Delivered(Redis.from_url(behind(proxy, embedded_redis.url), decode_responses=True))
    delivered.delivery.keep_alive(request_id)
    proxy.refuse()
    messages = [piece(0), piece(1)]
    for message in messages:
        delivered.delivery.send(request_id, message)
    wait_until(lambda: "the broker does not answer" in caplog.text, "they could not be sent")
    proxy.forward()
    wait_until(lambda: near.llen(redis_keys(request_id)[2]) == 2, "they were sent")
    stored = near.lrange(redis_keys(request_id)[2], 0, -1)
    assert [MESSAGE.validate_json(each) for each in stored] == messages
    assert delivered.cancelled == []
    delivered.delivery.close()
    proxy.close()
    near.delete(*redis_keys(request_id))


def test_a_broker_that_stays_away_leaves_nobody_to_wait(
    embedded_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SILENCE_S", 0.2)
    monkeypatch.setattr(module, "RETRY_S", 0.05)
    proxy = Proxy(embedded_redis.port)
    delivered = Delivered(Redis.from_url(behind(proxy, embedded_redis.url), decode_responses=True))
    proxy.refuse()
    delivered.delivery.keep_alive("a")
    wait_until(lambda: delivered.cancelled == ["a"], "it was given up")
    delivered.delivery.close()
    proxy.close()
