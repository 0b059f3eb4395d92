"""The requester's side of what generation workers answer: see `jobs.broker.generation`."""

import random
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic

from celery import Celery
from kombu.exceptions import OperationalError
from pydantic import ValidationError
from redis import Redis, RedisError

from jobs.broker.generation import (
    MESSAGE,
    REQUEST_TTL_S,
    GenerationRequest,
    Message,
    Piece,
    ScoreRequest,
    redis_keys,
    request_json,
)
from jobs.broker.iteration import result_of
from jobs.broker.queue import GENERATE_QUEUE, GENERATE_TASK, HTTP_REQUEST_ID_HEADER
from jobs.broker.replies import (
    GenerationReply,
    GenerationResult,
    NoAnswer,
    Reply,
    RequestFailed,
    Result,
    ScoreReply,
    ScoreResult,
)
from jobs.process.logs import current_request_id
from jobs.store.ids import new_id

POLL_S = 0.4
"""Between checks of whether the requester's own client still waits."""
KEEP_ALIVE_S = 1.5
"""Between extensions of the request's key, which also check in Redis whether the worker lives."""
REPUBLISH_S = 3
"""A message that no worker has taken by then may be lost, with a worker that received it and died."""


@dataclass(frozen=True)
class NewPiece:
    """A piece of the text that continues one of the prompts."""

    index: int
    """Of the request."""
    piece: Piece


class Abandoned(Exception):
    """Nobody waits for the answer any more."""


def request_generations(
    celery: Celery,
    redis: Redis,
    requests: Sequence[GenerationRequest],
    timeout_s: float,
    is_abandoned: Callable[[], bool] = lambda: False,
    silence_s: float | None = None,
) -> Generator[NewPiece | None, None, list[GenerationResult]]:
    """Have generation workers continue prompts side by side: yields the texts in pieces, as they are made.

    A worker generates no further for a generator that is closed. If one request fails, all are given up.

    is_abandoned  asked several times a second: whether nobody waits for the answers any more
    silence_s     None is yielded when there has been no piece for so long. Default: never
    returns       the results, in the order of the requests
    raises        NoAnswer, RequestFailed, Abandoned, redis.RedisError or kombu's OperationalError if the
                  broker is away
    """
    replies = [GenerationReply(request) for request in requests]
    requester = Requester(celery, redis, replies, timeout_s, is_abandoned, silence_s)
    return (yield from requester.run())


def request_scores(
    celery: Celery,
    redis: Redis,
    requests: Sequence[ScoreRequest],
    timeout_s: float,
    is_abandoned: Callable[[], bool] = lambda: False,
) -> list[ScoreResult]:
    """Have generation workers score texts side by side.

    is_abandoned, returns, raises  as of `request_generations`
    """
    replies = [ScoreReply(request) for request in requests]
    requester = Requester(celery, redis, replies, timeout_s, is_abandoned)
    return result_of(requester.run())


class Exchange(Generic[Result]):
    """One request in Redis, and what has come of it."""

    def __init__(self, index: int, reply: Reply[Result]) -> None:
        self.index = index
        self.reply = reply
        self.request_id = new_id("generation")
        self.request_key, self.worker_key, self.messages_key = redis_keys(self.request_id)
        self.is_taken = False
        self.published_s = 0.0


class Requester(Generic[Result]):
    """Of requests that are made together."""

    def __init__(
        self,
        celery: Celery,
        redis: Redis,
        replies: Sequence[Reply[Result]],
        timeout_s: float,
        is_abandoned: Callable[[], bool],
        silence_s: float | None = None,
    ) -> None:
        self.celery, self.redis = celery, redis
        self.exchanges = [Exchange(index, reply) for index, reply in enumerate(replies)]
        self.waiting = {exchange.messages_key: exchange for exchange in self.exchanges}
        """Those that are not over, by the keys of their messages; the one heard of longest ago first."""
        self.timeout_s = timeout_s
        self.is_abandoned = is_abandoned
        self.silence_s = silence_s
        self.deadline_s = time.monotonic() + timeout_s
        self.kept_alive_s = self.keep_alive_at_s = time.monotonic()

    def run(self) -> Generator[NewPiece | None, None, list[Result]]:
        try:
            for exchange in self.exchanges:
                self.store(exchange)
            for exchange in self.exchanges:
                self.publish(exchange)
            yield from self.receive()
            results = [exchange.reply.result(self.timeout_s) for exchange in self.exchanges]
        except (RedisError, OperationalError):
            raise  # a silent broker would be waited for once more; what is left there expires
        except BaseException:
            self.clean_up()
            raise
        self.clean_up()
        return results

    def store(self, exchange: Exchange[Result]) -> None:
        content = request_json(exchange.reply.request)
        self.redis.set(exchange.request_key, content, px=REQUEST_TTL_S * 1000)

    def publish(self, exchange: Exchange[Result]) -> None:
        exchange.published_s = time.monotonic()
        # In a header, which a worker of an earlier version ignores.
        headers = {HTTP_REQUEST_ID_HEADER: current_request_id()}
        self.celery.send_task(
            GENERATE_TASK, args=[exchange.request_id], queue=GENERATE_QUEUE, headers=headers, retry=False
        )

    def clean_up(self) -> None:
        """Delete all keys, by which the workers learn that nobody waits."""
        keys = [key for exchange in self.exchanges for key in redis_keys(exchange.request_id)]
        with suppress(RedisError):  # then they expire
            if keys:
                self.redis.delete(*keys)

    def receive(self) -> Generator[NewPiece | None, None, None]:
        """Until all requests are over, or the time is."""
        yielded_s = time.monotonic()
        while self.waiting and (left_s := self.deadline_s - time.monotonic()) > 0:
            if self.is_abandoned():
                raise Abandoned
            if time.monotonic() >= self.keep_alive_at_s:
                self.keep_alive()
            if self.silence_s is not None and time.monotonic() - yielded_s >= self.silence_s:
                yield None
                yielded_s = time.monotonic()
            if received := self.next_message(min(jittered(POLL_S), left_s)):
                exchange, message = received
                piece = exchange.reply.add(message)
                if exchange.reply.is_over:
                    del self.waiting[exchange.messages_key]
                if piece is not None:
                    yield NewPiece(exchange.index, piece)
                    yielded_s = time.monotonic()

    def next_message(self, timeout_s: float) -> tuple[Exchange[Result], Message] | None:
        popped: Any = self.redis.blpop(list(self.waiting), timeout=max(0.01, timeout_s))
        if popped is None:
            return None
        key, content = popped
        # Redis looks at the keys in order: the next message is another's, if there is one.
        exchange = self.waiting[key] = self.waiting.pop(key)
        exchange.is_taken = True
        try:
            return exchange, MESSAGE.validate_json(content)
        except ValidationError as error:
            raise RequestFailed("internal", "the worker is of another version than the API") from error

    def keep_alive(self) -> None:
        """Extend the requests' keys, and publish those again that no worker has."""
        waiting = list(self.waiting.values())
        with self.redis.pipeline() as pipeline:
            for exchange in waiting:
                pipeline.pexpire(exchange.request_key, REQUEST_TTL_S * 1000)
                pipeline.exists(exchange.worker_key)
                pipeline.llen(exchange.messages_key)
            states = pipeline.execute()
        now_s = time.monotonic()
        silent_s, self.kept_alive_s = now_s - self.kept_alive_s, now_s
        self.keep_alive_at_s = now_s + jittered(KEEP_ALIVE_S)
        for exchange, is_stored, has_worker, unread_messages in zip(
            waiting, states[::3], states[1::3], states[2::3], strict=True
        ):
            if not is_stored and silent_s > REQUEST_TTL_S:
                raise NoAnswer(f"the text so far was not taken for {silent_s:.0f} s")
            if not is_stored:
                raise NoAnswer("the broker has lost the request")
            if exchange.is_taken and not has_worker and not unread_messages:
                raise NoAnswer("the generation worker that computed the answer has gone")
            exchange.is_taken = exchange.is_taken or bool(has_worker)
        self.republish_overdue(waiting)

    def republish_overdue(self, waiting: Sequence[Exchange[Result]]) -> None:
        overdue = [
            exchange
            for exchange in waiting
            if not exchange.is_taken and time.monotonic() - exchange.published_s > REPUBLISH_S
        ]
        # The list is kombu's, of messages that no worker has received.
        if overdue and self.redis.llen(GENERATE_QUEUE) == 0:
            for exchange in overdue:
                self.publish(exchange)


def jittered(seconds: float) -> float:
    """A quarter more or less: requesters that have come together would else all poll at the same moment."""
    return seconds * random.uniform(0.75, 1.25)
