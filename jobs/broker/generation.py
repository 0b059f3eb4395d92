"""Prompts and their answers on the way through Redis.

The asker stores the request under a key that lives as long as it keeps it alive, and rings with the id alone,
again and again until a worker has taken the request. The worker holds a key as well, which lives as long as
it does. What it makes of the prompt comes back as a list of messages, piece by piece; none is written to a
request that nobody waits for. So the asker hears of a worker that has died, the worker of an asker that has
gone, both of a Redis that has forgotten everything, and nothing stays in Redis.
"""

import logging
import random
import re
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from celery import Celery
from kombu.exceptions import OperationalError
from pydantic import AfterValidator, Field, TypeAdapter
from redis import Redis, RedisError

from jobs.broker.queue import GENERATE_QUEUE, GENERATE_TASK
from jobs.store.ids import new_id
from model.config import Distribution, Documented, StrictModel, Text

log = logging.getLogger(__name__)

WORKER_ALIVE_S = 6
"""A worker that has said nothing for so long has died."""
REQUEST_ALIVE_S = 10
"""A request is dropped whose asker has said nothing for so long."""
LOOK_S = 0.4
"""Between an asker's looks at whether its own client still waits."""
LOOK_AT_WORKER_S = 1.5
"""Between its looks at whether its worker lives, for which it asks Redis."""
RING_AGAIN_S = 3
"""A message that no worker has taken by then may have gone with one that took it and died."""


CHECKPOINT = re.compile(r"^(last|best|[0-9]{1,18})$")


def checkpoint_name(text: str) -> str:
    if not CHECKPOINT.fullmatch(text):
        raise ValueError("must be last, best or the step of a checkpoint")
    return text


CheckpointName = Annotated[str, AfterValidator(checkpoint_name), Documented(CHECKPOINT.pattern)]


class GenerationRequest(Distribution):
    """A prompt for one of a job's checkpoints."""

    job_id: Annotated[Text, Field(min_length=1, max_length=200)] | None = None
    """The job to ask. Default: the newest job that has a checkpoint."""

    prompt: Annotated[Text, Field(max_length=1_000_000)] = ""
    """The text to continue. One longer than the context keeps its end. Default: empty, which continues the
    end of a text, or a newline where the training text had no end of a text in it."""

    checkpoint: CheckpointName = "last"
    """`last`, `best`, or a step; `last` and `best` are looked up when they are read. Default: last."""

    max_new_tokens: int = Field(50, ge=1, le=10_000)
    """Tokens to generate, at most. Default: 50."""

    seed: int | None = Field(None, ge=0, le=2**32 - 1)
    """Seeds the draws; the answer names the one that was used. Default: a random one."""

    stop: Annotated[list[Annotated[Text, Field(min_length=1, max_length=1_000)]], Field(max_length=16)] = []
    """Texts before which the answer ends. Default: none."""


class Begun(StrictModel):
    """The first message: the model reads the prompt now."""

    kind: Literal["begun"] = "begun"
    step: int
    """Of the checkpoint."""
    seed: int
    prompt_tokens: int
    prompt_truncated: bool


class Piece(StrictModel):
    """Text that is certain."""

    kind: Literal["piece"] = "piece"
    number: int
    """From 0. A worker that could not hear whether one has arrived sends it again."""
    text: str
    completion_tokens: int
    """So far, and so is the speed."""
    tokens_per_s: float
    finish_reason: Literal["length", "stop"] | None = None
    """Set in the last message."""


Cause = Literal["not_found", "unavailable", "internal"]


class Failure(StrictModel):
    """The last message of a request that could not be answered."""

    kind: Literal["failure"] = "failure"
    cause: Cause
    """Whether there is no such thing, whether it may succeed later, or whether something is broken."""
    reason: str
    """For the one who asked: without any path of the server."""


Message = Begun | Piece | Failure


def is_last(message: Message) -> bool:
    """Whether the request is over with it."""
    return isinstance(message, Failure) or (isinstance(message, Piece) and message.finish_reason is not None)


MESSAGE: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="kind")])


@dataclass(frozen=True)
class Generated:
    """What a prompt came to."""

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
    """No generation worker answered in time, or the one that computed the answer has gone."""


class GenerationFailed(Exception):
    """The worker could not generate; the message says why."""

    def __init__(self, cause: Cause, reason: str) -> None:
        super().__init__(reason)
        self.cause = cause


class Abandoned(Exception):
    """The one who asked waits no more."""


def ask(
    celery: Celery,
    redis: Redis,
    request: GenerationRequest,
    timeout_s: float,
    has_gone: Callable[[], bool] = lambda: False,
) -> Generator[str, None, Generated]:
    """Ask the generation workers: yields the text in pieces, as they are made, and returns what it came to.

    What is not waited for any more is computed no further: close the generator for that.

    has_gone  asked several times a second: whether nobody wants the answer any more
    raises    NoAnswer, GenerationFailed, Abandoned, redis.RedisError or kombu's OperationalError if the
              broker is away
    """
    asking = Asking(celery, redis, new_id("generation"), timeout_s, has_gone)
    try:
        redis.set(asking.request_key, request.model_dump_json(), px=REQUEST_ALIVE_S * 1000)
        asking.ring()
        generated = yield from asking.follow()
    except (RedisError, OperationalError):
        raise  # a silent broker would be waited for once more; what is left there expires
    except BaseException:
        asking.clean_up()
        raise
    asking.clean_up()
    return generated


class Asking:
    """An asker's side of one request."""

    def __init__(
        self, celery: Celery, redis: Redis, request_id: str, timeout_s: float, has_gone: Callable[[], bool]
    ) -> None:
        self.celery, self.redis = celery, redis
        self.request_id = request_id
        self.request_key, self.worker_key, self.messages_key = keys(request_id)
        self.timeout_s = timeout_s
        self.has_gone = has_gone
        self.deadline_s = time.monotonic() + timeout_s
        self.look_s = self.rung_s = time.monotonic()
        self.is_taken = False

    def ring(self) -> None:
        self.rung_s = time.monotonic()
        self.celery.send_task(GENERATE_TASK, args=[self.request_id], queue=GENERATE_QUEUE, retry=False)

    def clean_up(self) -> None:
        """Leave nothing, by which the worker knows that nobody waits."""
        with suppress(RedisError):  # then it expires
            self.redis.delete(self.request_key, self.worker_key, self.messages_key)

    def follow(self) -> Generator[str, None, Generated]:
        begun: Begun | None = None
        piece: Piece | None = None
        texts: list[str] = []
        while piece is None or piece.finish_reason is None:
            message = self.next_message()
            if message is None:
                break  # the time is over
            if isinstance(message, Failure):
                raise GenerationFailed(message.cause, message.reason)
            if isinstance(message, Begun):
                begun = message
                continue
            if message.number < len(texts):
                continue
            piece = message
            texts.append(piece.text)
            if piece.text:
                yield piece.text
        if begun is None or piece is None or not (piece.finish_reason or any(texts)):
            raise NoAnswer(f"no generation worker answered within {self.timeout_s:g} s")
        return Generated(
            checkpoint=begun.step,
            completion="".join(texts),
            prompt_tokens=begun.prompt_tokens,
            completion_tokens=piece.completion_tokens,
            finish_reason=piece.finish_reason or "timeout",
            seed=begun.seed,
            prompt_truncated=begun.prompt_truncated,
            tokens_per_s=piece.tokens_per_s,
        )

    def next_message(self) -> Message | None:
        """None when the time is over."""
        while (left_s := self.deadline_s - time.monotonic()) > 0:
            if self.has_gone():
                raise Abandoned
            if time.monotonic() >= self.look_s:
                self.look()
            wait_s = min(jittered(LOOK_S), left_s)
            popped: Any = self.redis.blpop([self.messages_key], timeout=max(0.01, wait_s))
            if popped is not None:
                self.is_taken = True
                return MESSAGE.validate_json(popped[1])
        return None

    def look(self) -> None:
        """Stay alive for the worker, and see who else does."""
        with self.redis.pipeline() as pipeline:
            pipeline.pexpire(self.request_key, REQUEST_ALIVE_S * 1000)
            pipeline.exists(self.worker_key)
            pipeline.llen(self.messages_key)
            is_stored, has_worker, waiting = pipeline.execute()
        self.look_s = time.monotonic() + jittered(LOOK_AT_WORKER_S)
        if not is_stored:
            raise NoAnswer("the broker has lost the request")
        if self.is_taken and not has_worker and not waiting:
            raise NoAnswer("the generation worker that computed the answer has gone")
        self.is_taken = self.is_taken or bool(has_worker)
        is_late = time.monotonic() - self.rung_s > RING_AGAIN_S
        if is_late and not self.is_taken and self.redis.llen(GENERATE_QUEUE) == 0:
            self.ring()  # the list is kombu's, of messages that no worker has heard


def jittered(seconds: float) -> float:
    """A quarter more or less: askers that have come together would else all look at the same moment."""
    return seconds * random.uniform(0.75, 1.25)


TAKE = """
local request = redis.call('GET', KEYS[1])
if request and redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then return request end
return false
"""
DELIVER = """
local worker = redis.call('GET', KEYS[2])
if redis.call('EXISTS', KEYS[1]) == 0 or worker and worker ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
for index = 4, #ARGV do redis.call('RPUSH', KEYS[3], ARGV[index]) end
redis.call('PEXPIRE', KEYS[3], ARGV[3])
return 1
"""


def take_request(redis: Redis, request_id: str, worker_id: str) -> GenerationRequest | None:
    """The request, for this worker alone; None if nobody waits for it any more or another has taken it.
    pydantic's ValidationError if another version of the service has asked."""
    stored: Any = redis.eval(TAKE, 2, *keys(request_id)[:2], worker_id, WORKER_ALIVE_S * 1000)
    return None if stored is None else GenerationRequest.model_validate_json(stored)


def deliver(redis: Redis, worker_id: str, messages: Mapping[str, Sequence[Message]]) -> set[str]:
    """Send what there is for each request, if anything, and let their askers know that the worker lives.

    returns  those for which nobody waits any more, or only for another worker
    """
    ids = list(messages)
    with redis.pipeline(transaction=False) as pipeline:
        for request_id in ids:
            contents = [message.model_dump_json() for message in messages[request_id]]
            alive_ms = (WORKER_ALIVE_S * 1000, REQUEST_ALIVE_S * 1000)
            pipeline.eval(DELIVER, 3, *keys(request_id), worker_id, *alive_ms, *contents)
        is_awaited = pipeline.execute()
    return {request_id for request_id, awaited in zip(ids, is_awaited, strict=True) if not awaited}


def keys(request_id: str) -> tuple[str, str, str]:
    """Of the request, of the worker that has taken it, and of the messages to the asker."""
    return f"pretrain:{request_id}", f"pretrain:{request_id}:worker", f"pretrain:{request_id}:messages"
