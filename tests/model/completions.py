"""Whole completions, for tests that are not about their pieces."""

from dataclasses import dataclass
from typing import Any

from model.generation import Continuation, FinishReason, stream
from model.gpt import GPT
from model.inference.engine import Engine
from model.inference.token_probs import TokenProbs
from model.tokenizers import Tokenizer


@dataclass(frozen=True)
class Completion:
    text: str
    """The prompt and the completion."""
    completion: str
    prompt_tokens: int
    completion_tokens: int
    finish_reason: FinishReason | None
    seed: int
    prompt_truncated: bool
    tokens_per_s: float


def complete(
    model: GPT, tokenizer: Tokenizer, prompt: str, *, engine: Engine | None = None, **options: Any
) -> Completion:
    """`options` are those of a `Continuation`."""
    continuation = Continuation(tokenizer, prompt, model.config.context_length, **options)
    completion = "".join(stream(model, continuation, engine))
    return Completion(
        text=prompt + completion,
        completion=completion,
        prompt_tokens=continuation.prompt_tokens,
        completion_tokens=continuation.completion_tokens,
        finish_reason=continuation.finish_reason,
        seed=continuation.seed,
        prompt_truncated=continuation.prompt_truncated,
        tokens_per_s=continuation.tokens_per_s,
    )


def continued_with_probs(
    model: GPT, tokenizer: Tokenizer, prompt: str, *, engine: Engine | None = None, **options: Any
) -> tuple[Continuation, list[TokenProbs]]:
    """A continuation at its end, and the probabilities of its tokens. `options` are those of a
    `Continuation`, `logprobs` among them."""
    continuation = Continuation(tokenizer, prompt, model.config.context_length, **options)
    for _ in stream(model, continuation, engine):
        pass
    probs = continuation.take_probs()
    assert probs is not None
    return continuation, probs
