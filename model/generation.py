"""Text from a model, token by token."""

from collections.abc import Collection, Generator, Iterator, Sequence
from typing import Unpack

import torch

from model.config import Distribution
from model.continuation import GREEDY, Completion, Continuation, Options
from model.decoding import Decoding
from model.drawing import sample_token
from model.evaluation import evaluating
from model.gpt import GPT
from model.tokens import Tokenizer


def generate(
    model: GPT,
    ids: Sequence[int],
    max_new_tokens: int,
    distribution: Distribution = GREEDY,
    generator: torch.Generator | None = None,
    stop: Collection[int] = (),
) -> Iterator[int]:
    """Yield up to `max_new_tokens` token ids that continue `ids`, ending before a token of `stop`.

    The model sees the last `context_length` tokens; each is sampled as `sample_token` says. ValueError if
    `ids` is empty.
    """
    decoding = Decoding(model, [ids])
    for _ in range(max_new_tokens):
        with evaluating(model):
            logits = decoding.next_logits()[0]  # (V,)
            token = sample_token(logits, distribution, generator)
        if token in stop:
            return
        yield token
        decoding.append([token])


def stream(
    model: GPT, tokenizer: Tokenizer, prompt: str, **options: Unpack[Options]
) -> Generator[str, None, Completion]:
    """Yield the completion of `prompt` in pieces of whole characters; return it as a `Completion`."""
    continuation = Continuation(tokenizer, prompt, model.config.context_length, **options)
    decoding = Decoding(model, [continuation.context])
    completion = ""
    while continuation.finish_reason is None:
        if continuation.last_token is not None:
            decoding.append([continuation.last_token])
        with evaluating(model):
            piece = continuation.take(decoding.next_logits()[0])
        if piece:
            completion += piece
            yield piece
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


def complete(model: GPT, tokenizer: Tokenizer, prompt: str, **options: Unpack[Options]) -> Completion:
    """The completion of `prompt`."""
    pieces = stream(model, tokenizer, prompt, **options)
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            completion: Completion = end.value
            return completion
