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
    row = Continuation(tokenizer, prompt, **options)
    decoding = Decoding(model, [row.tokens])
    while not row.is_over:
        with evaluating(model):
            piece = row.take(decoding.next_logits()[0])
        if piece:
            yield piece
        decoding.append(row.tokens[-1:])
    return row.completion(model.config.context_length)


def complete(model: GPT, tokenizer: Tokenizer, prompt: str, **options: Unpack[Options]) -> Completion:
    """The completion of `prompt`."""
    row = Continuation(tokenizer, prompt, **options)
    complete_together(model, [row])
    return row.completion(model.config.context_length)


def complete_together(
    model: GPT, rows: Sequence[Continuation], on_over: Callable[[Continuation], object] = lambda row: None
) -> None:
    """Continue all `rows` side by side, which reads the weights once for all of them; `on_over` gets each as
    soon as it is over."""
    decoding = Decoding(model, [row.tokens for row in rows])
    while rows:
        with evaluating(model):
            for row, logits in zip(rows, decoding.next_logits(), strict=True):
                row.take(logits)
        for row in rows:
            if row.is_over:
                on_over(row)
        left = [index for index, row in enumerate(rows) if not row.is_over]
        if len(left) < len(rows):
            decoding.keep(left)
        rows = [rows[index] for index in left]
        decoding.append([row.tokens[-1] for row in rows])
