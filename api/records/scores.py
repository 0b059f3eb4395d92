"""A scored text as the API shows it."""

import math
from typing import Literal

from api.records.record import Record
from jobs.broker.generation import ScoreRequest
from jobs.broker.replies import ScoreResult


class TokenScoreRecord(Record):
    """A token of the text, and how well the model predicted it."""

    token: str
    """Its text. Bytes that are no whole character by themselves are U+FFFD in it."""
    bytes: list[int]
    """Its UTF-8 bytes: those of several tokens together may be a character."""
    nats: float | None
    """Its loss: minus the natural logarithm of its probability after the tokens before it. Null for the first
    token, which follows nothing."""
    rank: int | None
    """1 for the likeliest token of the vocabulary. Null for the first token."""


class ScoreRecord(Record):
    """How well a job's checkpoint, or a model from outside, predicts a text."""

    object: Literal["score"] = "score"
    job_id: str | None
    """Null for a model from outside."""
    model_id: str | None
    """Null for a job."""
    checkpoint: int | None
    """The step of the job's checkpoint."""
    tokens: list[TokenScoreRecord]
    loss: float | None
    """Mean of the tokens' nats. Null for a text of one token."""
    perplexity: float | None
    """The exponential of the loss. Null where the loss is, or where no number is large enough."""
    bits_per_byte: float | None
    """All nats, in bits, by the bytes of the tokens that have any: comparable between tokenizers."""


def score_record(asked: ScoreRequest, scored: ScoreResult) -> ScoreRecord:
    predicted = scored.tokens[1:]
    nats = [token.nats for token in predicted if token.nats is not None]
    loss = math.fsum(nats) / len(nats) if nats and len(nats) == len(predicted) else None
    predicted_bytes = sum(len(token.bytes) for token in predicted)
    return ScoreRecord(
        job_id=asked.job_id,
        model_id=asked.model_id,
        checkpoint=None if asked.model_id else scored.checkpoint,
        tokens=[TokenScoreRecord.model_validate(token) for token in scored.tokens],
        loss=loss,
        perplexity=None if loss is None else exponential(loss),
        bits_per_byte=None if loss is None else loss * len(nats) / math.log(2) / predicted_bytes,
    )


def exponential(loss: float) -> float | None:
    try:
        return math.exp(loss)
    except OverflowError:
        return None
