"""A generated text as the API shows it."""

from typing import Literal

from api.records.record import Record
from jobs.broker.generation import GenerationRequest
from jobs.broker.replies import GenerationResult
from jobs.broker.token_probs import TokenLogprob


class GenerationRecord(Record):
    """A prompt and its continuation by a job's checkpoint, or a model from outside."""

    object: Literal["generation"] = "generation"
    job_id: str | None
    """Null for a model from outside."""
    model_id: str | None
    """Null for a job."""
    checkpoint: int | None
    """The step of the job's checkpoint."""
    prompt: str
    prompt_truncated: bool
    """Whether the prompt was longer than the context, so that only its end was used."""
    completion: str
    """The new text alone."""
    text: str
    """The prompt and the new text."""
    prompt_tokens: int
    completion_tokens: int
    finish_reason: Literal["length", "stop", "timeout"]
    """`length`: `max_new_tokens` ended it; `stop`: a stop string or the model; `timeout`: the time limit."""
    seed: int
    """With it the same request gives the same text again."""
    tokens_per_s: float
    logprobs: list[TokenLogprob] | None
    """Of each token of the completion, if they were asked for."""


class PieceRecord(Record):
    """A `piece` event of a stream: text as soon as it is certain."""

    text: str
    completion_tokens: int
    """So far."""
    logprobs: list[TokenLogprob] | None
    """Of the tokens since the piece before, if they were asked for."""


def generation_record(asked: GenerationRequest, generated: GenerationResult) -> GenerationRecord:
    fields = {
        **vars(generated),
        "job_id": asked.job_id,
        "model_id": asked.model_id,
        "checkpoint": None if asked.model_id else generated.checkpoint,
    }
    return GenerationRecord(prompt=asked.prompt, text=asked.prompt + generated.completion, **fields)
