"""Prompts and their answers on the way through Redis: requests, messages, and the worker's side.

The requester stores a request under a key that expires unless the requester keeps it alive, and publishes its
id, again and again until a worker has taken the request. The worker holds a key as well, which expires unless
the worker keeps it alive. It appends messages to a list, piece by piece as the text is made, but only while
the request's key is there. So the requester learns of a worker that has died, the worker of a requester that
has gone, both of a Redis that has lost its data, and nothing stays in Redis.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    ValidationInfo,
    field_validator,
)
from redis import Redis

from jobs.broker.token_probs import ScoredToken, TokenLogprob
from jobs.validation.request_model import RequestModel
from model.config import MAX_NEW_TOKENS, Distribution, Documented, Text

REQUEST_TTL_S = 10
"""Of a request whose requester no longer keeps it alive."""
WORKER_TTL_S = 6
"""Of the key of a worker that no longer keeps it alive."""

STARTING_KEY = "pretrain:starting-worker"
START_TTL_S = 120
"""As long as a worker takes to compile what it computes with, on the slowest machine."""

CHECKPOINT_NAME = re.compile(r"^(last|best|[0-9]{1,18})$")


def check_checkpoint_name(text: str) -> str:
    if not CHECKPOINT_NAME.fullmatch(text):
        raise ValueError("must be last, best or the step of a checkpoint")
    return text


CheckpointName = Annotated[str, AfterValidator(check_checkpoint_name), Documented(CHECKPOINT_NAME.pattern)]


class CheckpointRequest(RequestModel):
    """Which of a job's checkpoints is asked, or which model from outside."""

    job_id: Annotated[Text, Field(min_length=1, max_length=200)] | None = None
    """The job to ask. Default: the newest job that has a checkpoint."""

    checkpoint: CheckpointName = "last"
    """`last`, `best`, or a step; `last` and `best` are looked up when they are read. Default: last."""

    model_id: Annotated[Text, Field(min_length=1, max_length=200)] | None = None
    """The model from outside to ask, in place of a job. Default: none."""

    @field_validator("model_id")
    @classmethod
    def check_alone(cls, model_id: str | None, others: ValidationInfo) -> str | None:
        if model_id is not None and others.data.get("job_id") is not None:
            raise ValueError("can't be given together with job_id")
        if model_id is not None and others.data.get("checkpoint", "last") != "last":
            raise ValueError("can't be given together with checkpoint: a model from outside has no others")
        return model_id


# Pydantic puts the fields of the last base first.
class PromptFields(Distribution, CheckpointRequest):
    """A prompt for one of a job's checkpoints or a model from outside, as a client asks for it."""

    prompt: Annotated[Text, Field(max_length=1_000_000)] = ""
    """The text to continue. One longer than the context keeps its end. Default: empty, which continues the
    end of a text, or a newline where the training text had no end of a text in it."""

    max_new_tokens: int = Field(50, ge=1, le=MAX_NEW_TOKENS)
    """Tokens to generate, at most. Default: 50."""

    seed: int | None = Field(None, ge=0, le=2**32 - 1)
    """Seeds the sampling; the answer names the one that was used. Default: a random one."""

    stop: Annotated[list[Annotated[Text, Field(min_length=1, max_length=1_000)]], Field(max_length=16)] = []
    """Texts before which the answer ends. Default: none."""

    logprobs: int | None = Field(None, ge=0, le=20)
    """Of each token of the completion, give its probability under the model and so many of the likeliest
    tokens with theirs. Default: null, none of it."""


TokenIds = tuple[Annotated[int, Field(ge=0, lt=2**31)], ...]


class GenerationRequest(PromptFields):
    """A prompt on its way to the worker."""

    token_ids: TokenIds | None = None
    """The prompt as ids of tokens, in place of its text."""


class ScoreRequest(CheckpointRequest):
    """A text to score, on its way to the worker."""

    kind: Literal["score"]
    text: Annotated[Text, Field(max_length=2**20)] = ""
    token_ids: TokenIds | None = None
    """The text as ids of tokens, in its place."""
    top: int = Field(0, ge=0, le=20)
    """How many of the likeliest tokens to give in each place."""


WorkerRequest = GenerationRequest | ScoreRequest


def kind_of_request(content: Any) -> str:
    """Prompts have no `kind`, and had none when they were all that there was."""
    kind = content.get("kind") if isinstance(content, dict) else getattr(content, "kind", None)
    return "generation" if kind is None else str(kind)


WORKER_REQUEST: TypeAdapter[WorkerRequest] = TypeAdapter(
    Annotated[
        Annotated[GenerationRequest, Tag("generation")] | Annotated[ScoreRequest, Tag("score")],
        Discriminator(kind_of_request),
    ]
)


class Begun(RequestModel):
    """The first message: the model reads the prompt now."""

    kind: Literal["begun"] = "begun"
    step: int
    """Of the checkpoint."""
    seed: int
    prompt_tokens: int
    prompt_truncated: bool


class Piece(RequestModel):
    """Text that is certain."""

    kind: Literal["piece"] = "piece"
    number: int
    """From 0. A worker that got no reply from Redis sends the piece again."""
    text: str
    completion_tokens: int
    """So far, and so is the speed."""
    tokens_per_s: float
    finish_reason: Literal["length", "stop"] | None = None
    """Set in the last message."""
    logprobs: tuple[TokenLogprob, ...] | None = None
    """Of the tokens since the piece before, if they were asked for."""


class Scores(RequestModel):
    """Tokens of a text that is scored to its end."""

    kind: Literal["scores"] = "scores"
    number: int
    """From 0, as of pieces."""
    step: int
    """Of the checkpoint."""
    tokens: tuple[ScoredToken, ...]
    is_last: bool


FailureCause = Literal["not_found", "invalid", "unavailable", "internal"]


class Failure(RequestModel):
    """The last message of a request that could not be answered."""

    kind: Literal["failure"] = "failure"
    cause: FailureCause
    """Whether there is no such thing, whether the text can't be taken, whether it may succeed later, or
    whether something is broken."""
    reason: str
    """For the requester: without any path of the server."""


Message = Begun | Piece | Scores | Failure

MESSAGE: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="kind")])


def is_last(message: Message) -> bool:
    """Whether the request is over with it."""
    match message:
        case Failure():
            return True
        case Piece():
            return message.finish_reason is not None
        case Scores():
            return message.is_last
        case Begun():
            return False


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


def announce_start(redis: Redis) -> None:
    """Say that a worker has been started, which has no row among the workers before it can answer."""
    redis.set(STARTING_KEY, "", px=START_TTL_S * 1000)


def is_worker_starting(redis: Redis) -> bool:
    """Whether prompts are worth waiting although no worker lives."""
    return bool(redis.exists(STARTING_KEY))


def take_request(redis: Redis, request_id: str, worker_id: str) -> WorkerRequest | None:
    """The request, for this worker alone; None if nobody waits for it any more or another has taken it.

    raises  pydantic's ValidationError if the requester is of another version of the service
    """
    stored: Any = redis.eval(TAKE, 2, *redis_keys(request_id)[:2], worker_id, WORKER_TTL_S * 1000)
    return None if stored is None else WORKER_REQUEST.validate_json(stored)


def deliver(redis: Redis, worker_id: str, messages: Mapping[str, Sequence[Message]]) -> set[str]:
    """Send the messages of each request, if there are any, and keep the worker's keys alive.

    returns  the ids of those for which nobody waits any more, or only for another worker
    """
    request_ids = list(messages)
    with redis.pipeline(transaction=False) as pipeline:
        for request_id in request_ids:
            # Without what is null, so that a requester of an earlier version reads what it knows.
            contents = [message.model_dump_json(exclude_none=True) for message in messages[request_id]]
            ttls_ms = (WORKER_TTL_S * 1000, REQUEST_TTL_S * 1000)
            pipeline.eval(DELIVER, 3, *redis_keys(request_id), worker_id, *ttls_ms, *contents)
        delivered = pipeline.execute()
    return {request_id for request_id, was_taken in zip(request_ids, delivered, strict=True) if not was_taken}


def request_json(request: WorkerRequest) -> str:
    """As it lies in Redis: without defaults, so that a worker of an earlier version reads what it knows."""
    return request.model_dump_json(exclude_defaults=True)


def redis_keys(request_id: str) -> tuple[str, str, str]:
    """Of the request, of the worker that has taken it, and of the messages to the requester."""
    return f"pretrain:{request_id}", f"pretrain:{request_id}:worker", f"pretrain:{request_id}:messages"
