"""What `POST /v1/completions` takes: OpenAI's fields, and `top_k`."""

from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, PlainValidator, WithJsonSchema

from jobs.validation.request_model import RequestModel
from model.config import MAX_NEW_TOKENS, Text, storable

MAX_CHOICES = 128
"""Completions of one request: each waits for its place in a batch."""
MAX_CHARACTERS = 1_000_000
"""Of a prompt, as everywhere."""
MAX_TOKEN_ID = 2**31 - 1
PROMPT = "must be a string, a list of strings, a list of token ids, or a list of such lists"

TEXT_SCHEMA = {"type": "string", "pattern": r"^[^\u0000]*$", "maxLength": MAX_CHARACTERS}
IDS_SCHEMA = {
    "type": "array",
    "items": {"type": "integer", "minimum": 0, "maximum": MAX_TOKEN_ID},
    "minItems": 1,
}
PROMPT_SCHEMA = {
    "anyOf": [
        TEXT_SCHEMA,
        {"type": "array", "items": TEXT_SCHEMA, "minItems": 1, "maxItems": MAX_CHOICES},
        IDS_SCHEMA,
        {"type": "array", "items": IDS_SCHEMA, "minItems": 1, "maxItems": MAX_CHOICES},
        {"type": "null"},
    ]
}

Prompt = str | tuple[int, ...]
"""A text, or ids of tokens."""


def split_prompts(value: Any) -> tuple[Prompt, ...]:
    """raises  ValueError"""
    if value is None:
        return ("",)
    if isinstance(value, str):
        return (single_prompt(value),)
    if not isinstance(value, list):
        raise ValueError(PROMPT)
    if not value:
        raise ValueError("must not be empty")
    if all(map(is_token_id, value)):
        return (tuple(value),)
    if len(value) > MAX_CHOICES:
        raise ValueError(f"must have at most {MAX_CHOICES} entries")
    return tuple(map(single_prompt, value))


def single_prompt(value: Any) -> Prompt:
    if isinstance(value, str):
        if len(value) > MAX_CHARACTERS:
            raise ValueError(f"must have at most {MAX_CHARACTERS:,} characters")
        return storable(value)
    if isinstance(value, list) and value and all(map(is_token_id, value)):
        return tuple(value)
    raise ValueError(PROMPT)


def is_token_id(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MAX_TOKEN_ID


def split_stop(value: Any) -> tuple[str, ...]:
    """raises  ValueError"""
    if value is None:
        return ()
    strings = [value] if isinstance(value, str) else value
    if not isinstance(strings, list) or not all(isinstance(string, str) for string in strings):
        raise ValueError("must be a string or a list of strings")
    if len(strings) > 16 or not all(0 < len(string) <= 1_000 for string in strings):
        raise ValueError("must have at most 16 strings of 1 to 1,000 characters")
    return tuple(map(storable, strings))


STOP_STRING_SCHEMA = {**TEXT_SCHEMA, "minLength": 1, "maxLength": 1_000}
STOP_SCHEMA = {
    "anyOf": [
        STOP_STRING_SCHEMA,
        {"type": "array", "items": STOP_STRING_SCHEMA, "maxItems": 16},
        {"type": "null"},
    ]
}


def unsupported(value: Any) -> Any:
    """Refuse what would change the answer; defaults, as clients may send them, are let through."""
    if value:
        raise ValueError("is not supported here; leave it out")
    return value


class StreamOptions(RequestModel):
    model_config = ConfigDict(extra="ignore")

    include_usage: bool | None = None
    """Whether a last chunk, without a choice, has the `usage`. Default: no."""


class CompletionRequest(RequestModel):
    """OpenAI's body, of which unknown fields are ignored, as OpenAI does. Where null is allowed, it is the
    default."""

    model_config = ConfigDict(extra="ignore")

    model: Annotated[Text, Field(min_length=1, max_length=300)]
    """`JOB_ID` for a job's last checkpoint, `JOB_ID:best`, or `JOB_ID:STEP`; the id of a model from
    outside."""

    prompt: Annotated[tuple[Prompt, ...], PlainValidator(split_prompts), WithJsonSchema(PROMPT_SCHEMA)] = (
        "",
    )
    """A string, a list of strings, a list of token ids, or a list of such lists. Default: the beginning of a
    text."""

    max_tokens: int | None = Field(None, ge=0, le=MAX_NEW_TOKENS)
    """Tokens to generate, at most; with 0 the prompt can be scored alone. Default: OpenAI's 16."""

    temperature: float | None = Field(None, ge=0, le=100)
    """0 takes the likeliest token. Default: OpenAI's 1."""

    top_p: float | None = Field(None, ge=0, le=1)
    """Draw among the fewest likeliest tokens whose probabilities reach this sum. Default: all."""

    top_k: int | None = Field(None, ge=1, le=1_000_000)
    """Draw among the k likeliest tokens only. An extension of OpenAI's fields. Default: all."""

    n: int | None = Field(None, ge=1, le=MAX_CHOICES)
    """Completions of each prompt. Default: 1."""

    stop: Annotated[tuple[str, ...], PlainValidator(split_stop), WithJsonSchema(STOP_SCHEMA)] = ()
    """Texts before which a completion ends, one or a list. Default: none."""

    seed: int | None = Field(None, ge=0, le=2**32 - 1)
    """Seeds the first completion of each prompt; those after it have the numbers that follow. Default: random
    ones."""

    echo: bool | None = None
    """Whether the prompt stands before its completion. Default: no."""

    logprobs: int | None = Field(None, ge=0, le=5)
    """Of each token, how likely it and so many of the likeliest were; with `echo` of the prompt's tokens too.
    Default: none."""

    stream: bool | None = None
    """Whether the completions come in chunks, as server-sent events. Default: no."""

    stream_options: StreamOptions | None = None
    """With `stream` only."""

    suffix: Annotated[Text | None, AfterValidator(unsupported)] = Field(
        None, json_schema_extra={"enum": [None, ""]}
    )
    """Not supported."""

    best_of: int | None = Field(None, ge=1, le=MAX_CHOICES)
    """Not supported, unless it is 1 or equals `n`."""

    presence_penalty: Annotated[float | None, AfterValidator(unsupported)] = Field(
        None, json_schema_extra={"enum": [None, 0]}
    )
    """Not supported."""

    frequency_penalty: Annotated[float | None, AfterValidator(unsupported)] = Field(
        None, json_schema_extra={"enum": [None, 0]}
    )
    """Not supported."""

    logit_bias: Annotated[Any, AfterValidator(unsupported)] = Field(
        None, json_schema_extra={"enum": [None, {}]}
    )
    """Not supported."""
