"""Text from a model, token by token."""

from collections.abc import Callable, Collection, Generator, Iterator, Sequence
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
    continuation = Continuation(tokenizer, prompt, **options)
    decoding = Decoding(model, [continuation.tokens])
    while not continuation.is_over:
        with evaluating(model):
            piece = continuation.take(decoding.next_logits()[0])
        if piece:
            yield piece
        decoding.append(continuation.tokens[-1:])
    return continuation.completion(model.config.context_length)


def complete(model: GPT, tokenizer: Tokenizer, prompt: str, **options: Unpack[Options]) -> Completion:
    """The completion of `prompt`."""
    pieces = stream(model, tokenizer, prompt, **options)
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            return end.value


def complete_together(
    model: GPT,
    continuations: Sequence[Continuation],
    on_over: Callable[[Continuation], object] = lambda continuation: None,
) -> None:
    """Continue all of them side by side, which reads the weights once for all; `on_over` gets each as soon as
    it is over."""
    decoding = Decoding(model, [continuation.tokens for continuation in continuations])
    of_sequence = dict(zip(decoding.sequences, continuations, strict=True))
    while decoding.sequences:
        with evaluating(model):
            for sequence, logits in zip(list(decoding.sequences), decoding.next_logits(), strict=True):
                of_sequence[sequence].take(logits)
        for sequence in list(decoding.sequences):
            if of_sequence[sequence].is_over:
                on_over(of_sequence[sequence])
                decoding.leave(sequence)
        decoding.append([of_sequence[sequence].tokens[-1] for sequence in decoding.sequences])
