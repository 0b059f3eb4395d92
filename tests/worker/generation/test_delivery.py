"""What goes to those who asked, through a real Redis."""

from collections.abc import Iterator

import pytest
from redis import Redis

from jobs.broker.generation import Failure, GenerationRequest, keys, take_request
from jobs.broker.queue import make_redis
from jobs.settings import Settings
from tests.backends import RedisServer
from tests.chaos.proxy import Proxy, behind
from tests.waiting import wait_until
from worker.generation import delivery as module
from worker.generation.delivery import Delivery

FAILURE = Failure(cause="internal", reason="no")


@pytest.fixture
def redis(settings: Settings) -> Iterator[Redis]:
    with make_redis(settings) as client:
        yield client


class Followed:
    """A delivery, and the requests that it says nobody waits for."""

    def __init__(self, redis: Redis) -> None:
        self.unwanted: list[str] = []
        self.delivery = Delivery(redis, "worker-1")
        self.delivery.start(self.unwanted.append)


@pytest.fixture
def followed(redis: Redis) -> Iterator[Followed]:
    found = Followed(redis)
    yield found
    found.delivery.close()


def store(redis: Redis, request_id: str) -> str:
    """A request that somebody waits for and the worker has taken."""
    redis.set(keys(request_id)[0], GenerationRequest().model_dump_json())
    assert take_request(redis, request_id, "worker-1")
    return request_id


def test_messages_come_in_their_order_and_the_last_ends_it(redis: Redis, followed: Followed) -> None:
    request_id = store(redis, "a")
    assert followed.delivery.follow(request_id)
    assert not followed.delivery.follow(request_id)
    reasons = [str(n) for n in range(50)]
    for reason in reasons:
        followed.delivery._messages[request_id].append(Failure(cause="internal", reason=reason))
    followed.delivery.send(request_id, FAILURE)
    wait_until(lambda: redis.llen(keys(request_id)[2]) == 51, "all were there")
    stored = redis.lrange(keys(request_id)[2], 0, -1)
    found = [Failure.model_validate_json(each).reason for each in stored]  # type: ignore[union-attr]
    assert found == [*reasons, "no"]
    wait_until(lambda: not followed.delivery._messages, "it was over")
    followed.delivery.send(request_id, FAILURE)  # of no use any more
    assert followed.unwanted == []


def test_a_worker_that_has_nothing_to_send_says_that_it_lives(redis: Redis, followed: Followed) -> None:
    request_id = store(redis, "a")
    followed.delivery.follow(request_id)
    redis.pexpire(keys(request_id)[1], 1000)
    wait_until(lambda: int(redis.pttl(keys(request_id)[1])) > 4000, "it was kept alive")


def test_what_nobody_waits_for_any_more_is_told_once_and_leaves_nothing(
    redis: Redis, followed: Followed
) -> None:
    waited_for, given_up = store(redis, "a"), store(redis, "b")
    for request_id in (waited_for, given_up):
        followed.delivery.follow(request_id)
    redis.delete(*keys(given_up))
    wait_until(lambda: followed.unwanted == [given_up], "it was told")
    followed.delivery.send(given_up, FAILURE)
    followed.delivery.send(waited_for, FAILURE)
    wait_until(lambda: redis.llen(keys(waited_for)[2]), "the other one was answered")
    assert followed.unwanted == [given_up]
    assert not redis.exists(*keys(given_up))


def test_messages_wait_for_a_broker_that_is_away_and_come_in_their_order(
    settings: Settings, embedded_redis: RedisServer
) -> None:
    proxy = Proxy(embedded_redis.port)
    near = Redis.from_url(embedded_redis.url, decode_responses=True)
    request_id = store(near, "away")
    found = Followed(Redis.from_url(behind(proxy, embedded_redis.url), decode_responses=True))
    found.delivery.follow(request_id)
    proxy.refuse()
    for reason in ("1", "2"):
        found.delivery._messages[request_id].append(Failure(cause="internal", reason=reason))
    wait_until(lambda: len(found.delivery._messages[request_id]) == 2, "they could not be sent")
    proxy.forward()
    wait_until(lambda: near.llen(keys(request_id)[2]) == 2, "they were sent")
    assert found.unwanted == []
    found.delivery.close()
    proxy.close()
    near.delete(*keys(request_id))


def test_a_broker_that_stays_away_leaves_nobody_to_wait(
    embedded_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SILENCE_S", 0.2)
    monkeypatch.setattr(module, "RETRY_S", 0.05)
    proxy = Proxy(embedded_redis.port)
    found = Followed(Redis.from_url(behind(proxy, embedded_redis.url), decode_responses=True))
    proxy.refuse()
    found.delivery.follow("a")
    wait_until(lambda: found.unwanted == ["a"], "it was given up")
    found.delivery.close()
    proxy.close()
