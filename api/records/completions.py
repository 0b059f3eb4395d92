"""Completions and models as OpenAI's API shows them."""

from collections.abc import Iterable
from typing import Literal

from api.records.record import Record


class LogprobsRecord(Record):
    """Of each token. Bytes that are no whole character by themselves are written as `bytes:\\xc3`."""

    tokens: list[str]
    token_logprobs: list[float | None]
    """Null for the first token of a prompt, which follows nothing."""
    top_logprobs: list[dict[str, float | None] | None]
    """The likeliest tokens, and the one that stands there if it is none of them."""
    text_offset: list[int]
    """Characters of the choice's text before the token."""


class ChoiceRecord(Record):
    """A completion, or in a stream a part of one."""

    text: str
    index: int
    """Those of the first prompt come first."""
    logprobs: LogprobsRecord | None
    finish_reason: Literal["stop", "length"] | None
    """`stop`: a stop string or the model ended it; `length`: `max_tokens`, or the service's time limit. Null
    while more follows."""


class UsageRecord(Record):
    """How many tokens were read and written."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class CompletionRecord(Record):
    """Completions of one or more prompts, or in a stream a chunk of them."""

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int
    """Seconds since 1970."""
    model: str
    choices: list[ChoiceRecord]
    usage: UsageRecord | None = None
    prompt_truncated: bool = False
    """Whether a prompt was longer than the context, so that only its end was continued. An extension of
    OpenAI's fields."""


class ModelRecord(Record):
    """A checkpoint, or a model from outside, that can be asked."""

    id: str
    """`JOB_ID`, `JOB_ID:best` or `JOB_ID:STEP`; of a model from outside its own."""
    object: Literal["model"] = "model"
    created: int
    """When the checkpoint was written, or the model sent, in seconds since 1970."""
    owned_by: str = "pretrain"


class ModelListRecord(Record):
    object: Literal["list"] = "list"
    data: list[ModelRecord]


def joined(parts: Iterable[ChoiceRecord]) -> ChoiceRecord:
    """A choice made of the parts that a stream would have, at least one."""
    parts = list(parts)
    with_logprobs = [part.logprobs for part in parts if part.logprobs is not None]
    logprobs = None
    if with_logprobs:
        logprobs = LogprobsRecord(
            tokens=[each for part in with_logprobs for each in part.tokens],
            token_logprobs=[each for part in with_logprobs for each in part.token_logprobs],
            top_logprobs=[each for part in with_logprobs for each in part.top_logprobs],
            text_offset=[each for part in with_logprobs for each in part.text_offset],
        )
    return ChoiceRecord(
        text="".join(part.text for part in parts),
        index=parts[0].index,
        logprobs=logprobs,
        finish_reason=parts[-1].finish_reason,
    )
