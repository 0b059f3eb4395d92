"""Prompts and their answers on the way through Redis.

The asker stores the request under a key that lives as long as it waits, and rings with the id alone. The
worker looks at that key before it computes and meanwhile, so that what nobody waits for any more is not
computed. The answer is a list of one element, on which the asker blocks.
"""

import json
import re
from typing import Annotated, Any

from celery import Celery
from pydantic import AfterValidator, Field
from redis import Redis

from jobs.names import new_id
from jobs.queue import GENERATE_QUEUE, GENERATE_TASK, PRIORITIES
from jobs.strict_json import to_json
from model.config import Distribution, Documented, Text

ANSWER_KEPT_S = 30


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
    """`last`, `best`, or a step. Default: last."""

    max_new_tokens: int = Field(50, ge=1, le=10_000)
    """Tokens to generate, at most. Default: 50."""

    seed: int | None = Field(None, ge=0, le=2**32 - 1)
    """Seeds the draws; the answer names the one that was used. Default: a random one."""

    stop: Annotated[list[Annotated[Text, Field(min_length=1, max_length=1_000)]], Field(max_length=16)] = []
    """Texts before which the answer ends. Default: none."""


class NoAnswer(Exception):
    """No generation worker answered in time."""


class GenerationFailed(Exception):
    """The worker could not generate; the message says why."""


def ask(celery: Celery, redis: Redis, request: dict[str, Any], timeout_s: float) -> dict[str, Any]:
    """Send a request to the generation workers and wait for the answer.

    redis    a client whose socket timeout is longer than `timeout_s`
    raises   NoAnswer, GenerationFailed, redis.RedisError or kombu's OperationalError if the broker is away
    """
    request_id = new_id("generation")
    redis.set(request_key(request_id), to_json(request), px=max(1, int(timeout_s * 1000)))
    try:
        celery.send_task(
            GENERATE_TASK, args=[request_id], queue=GENERATE_QUEUE, priority=PRIORITIES[-1], retry=False
        )
        popped: Any = redis.blpop([answer_key(request_id)], timeout=timeout_s)
    finally:
        redis.delete(request_key(request_id))
    if popped is None:
        raise NoAnswer(f"no generation worker answered within {timeout_s:g} s")
    answer: dict[str, Any] = json.loads(popped[1])
    if "failure" in answer:
        raise GenerationFailed(answer["failure"])
    return answer


def take_request(redis: Redis, request_id: str) -> dict[str, Any] | None:
    """The request; None if nobody waits for it any more."""
    stored: Any = redis.get(request_key(request_id))
    return None if stored is None else json.loads(stored)


def is_awaited(redis: Redis, request_id: str) -> bool:
    """Whether somebody still waits for the answer."""
    return bool(redis.exists(request_key(request_id)))


def send_answer(redis: Redis, request_id: str, answer: dict[str, Any]) -> None:
    with redis.pipeline() as pipeline:
        pipeline.rpush(answer_key(request_id), to_json(answer))
        pipeline.expire(answer_key(request_id), ANSWER_KEPT_S)
        pipeline.execute()


def request_key(request_id: str) -> str:
    return f"pretrain:{request_id}:request"


def answer_key(request_id: str) -> str:
    return f"pretrain:{request_id}:answer"
