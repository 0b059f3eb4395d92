"""A generated text as the API shows it."""

from typing import Literal

from api.records.record import Record


class GenerationRecord(Record):
    """A prompt and its continuation by a checkpoint."""

    object: Literal["generation"] = "generation"
    job_id: str
    checkpoint: int
    """The checkpoint's step."""
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
