"""The requester's side of a generation: see `jobs.broker.generation`."""

import random
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from celery import Celery
from kombu.exceptions import OperationalError
from redis import Redis, RedisError

from jobs.broker.generation import (
    MESSAGE,
    REQUEST_TTL_S,
    Begun,
    Failure,
    FailureCause,
    GenerationRequest,
    Message,
    Piece,
    redis_keys,
)
from jobs.broker.queue import GENERATE_QUEUE, GENERATE_TASK
from jobs.store.ids import new_id

POLL_S = 0.4
"""Between checks of whether the requester's own client still waits."""
KEEP_ALIVE_S = 1.5
"""Between extensions of the request's key, which also check in Redis whether the worker lives."""
REPUBLISH_S = 3
"""A message that no worker has taken by then may be lost, with a worker that received it and died."""


@dataclass(frozen=True)
class GenerationResult:
    checkpoint: int
    """Its step."""
    completion: str
    prompt_tokens: int
    completion_tokens: int
    finish_reason: Literal["length", "stop", "timeout"]
    """`timeout`: the time limit ended it."""
    seed: int
    prompt_truncated: bool
    tokens_per_s: float


class NoAnswer(Exception):
    """No generation worker answered in time, or the one that generated the text has gone."""


class GenerationFailed(Exception):
    """The worker could not generate; the message says why."""

    def __init__(self, cause: FailureCause, reason: str) -> None:
        super().__init__(reason)
        self.cause = cause


class Abandoned(Exception):
    """Nobody waits for the answer any more."""


def request_generation(
    celery: Celery,
    redis: Redis,
    request: GenerationRequest,
    timeout_s: float,
    is_abandoned: Callable[[], bool] = lambda: False,
) -> Generator[str, None, GenerationResult]:
    """Have a generation worker continue a prompt: yields the text in pieces, as they are generated.

    A worker generates no further for a generator that is closed.

    is_abandoned  asked several times a second: whether nobody waits for the answer any more
    raises        NoAnswer, GenerationFailed, Abandoned, redis.RedisError or kombu's OperationalError if the
                  broker is away
    """
    requester = Requester(celery, redis, new_id("generation"), timeout_s, is_abandoned)
    try:
        redis.set(requester.request_key, request.model_dump_json(), px=REQUEST_TTL_S * 1000)
        requester.publish()
        result = yield from requester.receive()
    except (RedisError, OperationalError):
        raise  # a silent broker would be waited for once more; what is left there expires
    except BaseException:
        requester.clean_up()
        raise
    requester.clean_up()
    return result


class Requester:
    """Of one request."""

    def __init__(
        self,
        celery: Celery,
        redis: Redis,
        request_id: str,
        timeout_s: float,
        is_abandoned: Callable[[], bool],
    ) -> None:
        self.celery, self.redis = celery, redis
        self.request_id = request_id
        self.request_key, self.worker_key, self.messages_key = redis_keys(request_id)
        self.timeout_s = timeout_s
        self.is_abandoned = is_abandoned
        self.deadline_s = time.monotonic() + timeout_s
        self.keep_alive_at_s = self.published_s = time.monotonic()
        self.is_taken = False

    def publish(self) -> None:
        self.published_s = time.monotonic()
        self.celery.send_task(GENERATE_TASK, args=[self.request_id], queue=GENERATE_QUEUE, retry=False)

    def clean_up(self) -> None:
        """Delete all keys, by which the worker learns that nobody waits."""
        with suppress(RedisError):  # then they expire
            self.redis.delete(self.request_key, self.worker_key, self.messages_key)

    def receive(self) -> Generator[str, None, GenerationResult]:
        begun: Begun | None = None
        last: Piece | None = None
        texts: list[str] = []
        while last is None or last.finish_reason is None:
            message = self.next_message()
            if message is None:
                break  # the time is over
            if isinstance(message, Failure):
                raise GenerationFailed(message.cause, message.reason)
            if isinstance(message, Begun):
                begun = message
                continue
            if message.number < len(texts):
                continue  # it was sent twice
            last = message
            texts.append(message.text)
            if message.text:
                yield message.text
        if begun is None or last is None or not (last.finish_reason or any(texts)):
            raise NoAnswer(f"no generation worker answered within {self.timeout_s:g} s")
        return GenerationResult(
            checkpoint=begun.step,
            completion="".join(texts),
            prompt_tokens=begun.prompt_tokens,
            completion_tokens=last.completion_tokens,
            finish_reason=last.finish_reason or "timeout",
            seed=begun.seed,
            prompt_truncated=begun.prompt_truncated,
            tokens_per_s=last.tokens_per_s,
        )

    def next_message(self) -> Message | None:
        """None when the time is over."""
        while (left_s := self.deadline_s - time.monotonic()) > 0:
            if self.is_abandoned():
                raise Abandoned
            if time.monotonic() >= self.keep_alive_at_s:
                self.keep_alive()
            wait_s = min(jittered(POLL_S), left_s)
            popped: Any = self.redis.blpop([self.messages_key], timeout=max(0.01, wait_s))
            if popped is not None:
                self.is_taken = True
                return MESSAGE.validate_json(popped[1])
        return None

    def keep_alive(self) -> None:
        """Extend the request's key, and publish the request again if no worker has it."""
        with self.redis.pipeline() as pipeline:
            pipeline.pexpire(self.request_key, REQUEST_TTL_S * 1000)
            pipeline.exists(self.worker_key)
            pipeline.llen(self.messages_key)
            is_stored, has_worker, unread_messages = pipeline.execute()
        self.keep_alive_at_s = time.monotonic() + jittered(KEEP_ALIVE_S)
        if not is_stored:
            raise NoAnswer("the broker has lost the request")
        if self.is_taken and not has_worker and not unread_messages:
            raise NoAnswer("the generation worker that computed the answer has gone")
        self.is_taken = self.is_taken or bool(has_worker)
        is_overdue = time.monotonic() - self.published_s > REPUBLISH_S
        if is_overdue and not self.is_taken and self.redis.llen(GENERATE_QUEUE) == 0:
            self.publish()  # the list is kombu's, of messages that no worker has received


def jittered(seconds: float) -> float:
    """A quarter more or less: requesters that have come together would else all poll at the same moment."""
    return seconds * random.uniform(0.75, 1.25)
