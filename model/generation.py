"""Text from a model, token by token."""

import secrets
import time
from collections.abc import Collection, Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor

from model.config import Distribution
from model.evaluation import evaluating
from model.gpt import GPT
from model.inference.decoding import Decoding
from model.inference.engine import Engine
from model.inference.sampling import sample_token
from model.inference.stop_strings import StopStringFilter
from model.inference.token_probs import TokenProbs, token_probs
from model.tokenizers import Tokenizer, text_start

GREEDY = Distribution()


def generate(
    model: GPT,
    ids: Sequence[int],
    max_new_tokens: int,
    distribution: Distribution = GREEDY,
    generator: torch.Generator | None = None,
    stop: Collection[int] = (),
    engine: Engine | None = None,
) -> Iterator[int]:
    """Yield up to `max_new_tokens` token ids that continue `ids`, ending before a token of `stop`.

    The model sees the last `context_length` tokens; each is sampled as `sample_token` says. Tokens after
    `ids` are computed by `engine`, without one by the model. ValueError if `ids` is empty.
    """
    decoding = Decoding(model, [ids], engine)
    for _ in range(max_new_tokens):
        with evaluating(model):
            logits = decoding.next_logits()[0]  # (V,): scores of every token that could come next
            token = sample_token(logits, distribution, generator)
        if token in stop:
            return
        yield token
        decoding.append([token])  # what was written is part of what the next token follows


FinishReason = Literal["length", "stop"]
"""`length`: as many tokens as were asked for; `stop`: a stop string or the end-of-text token."""


def stream(model: GPT, continuation: "Continuation", engine: Engine | None = None) -> Iterator[str]:
    """Yield the rest of `continuation`, of which nothing is computed yet, in pieces of whole characters.

    Tokens after the prompt are computed by `engine`, without one by the model.
    """
    decoding = Decoding(model, [continuation.context], engine)
    while continuation.finish_reason is None:
        if continuation.last_token is not None:
            decoding.append([continuation.last_token])
        with evaluating(model):
            piece = continuation.take(decoding.next_logits()[0])
        if piece:
            yield piece


class Continuation:
    """One prompt on its way to a completion: takes the logits of one token after the other, and gives text.

    It computes nothing, so that a service may continue many prompts side by side. An empty prompt continues
    `text_start`; the end-of-text token ends the text. The global generator is left alone.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        prompt: str | Sequence[int],
        context_length: int,
        *,
        max_new_tokens: int = 50,
        distribution: Distribution = GREEDY,
        seed: int | None = None,
        stop: Sequence[str] = (),
        ends_texts: bool = False,
        logprobs: int | None = None,
    ) -> None:
        """
        prompt          a text, or ids of tokens
        context_length  of the model, which sees no more of the prompt than its end
        seed            gives the same tokens again; None draws one
        stop            the completion ends before the first occurrence of one of these
        ends_texts      whether the model was trained on end-of-text tokens: see `text_start`
        logprobs        how many of the likeliest tokens `take_probs` gives beside each new one; None: it
                        gives nothing
        """
        ids = tokenizer.encode(prompt) if isinstance(prompt, str) else list(prompt)
        self.prompt_tokens = len(ids)
        self.prompt_truncated = len(ids) > context_length
        """Whether the model sees the prompt's end only."""
        self.context = ids[-context_length:] or text_start(tokenizer, ends_texts=ends_texts)
        """What the model reads before the first new token."""
        self.seed = secrets.randbits(32) if seed is None else seed
        self.last_token: int | None = None
        """The one taken last, for the model to read; none before the first and after the end."""
        self.completion_tokens = 0
        self.finish_reason: FinishReason | None = None
        self.tokenizer = tokenizer
        self._max_new_tokens = max_new_tokens
        self._distribution = distribution
        self._generator = torch.Generator().manual_seed(self.seed)
        self._text = StopStringFilter(stop)
        self._logprobs = logprobs
        self._probs: list[TokenProbs] = []
        self.begin()

    def begin(self) -> None:
        """Let the time count from now on."""
        self._began_s = time.perf_counter()

    @property
    def tokens_per_s(self) -> float:
        """So far, the reading of the prompt included."""
        return self.completion_tokens / max(1e-9, time.perf_counter() - self._began_s)

    def take(self, logits: Tensor) -> str:
        """Sample the next token by the logits (V,); returns the text that is certain now: without
        half a character, and without what may become a stop string."""
        token = sample_token(logits, self._distribution, self._generator)
        if token == self.tokenizer.end_of_text:
            return self._end("stop")
        self.last_token = token
        self.completion_tokens += 1
        if self._logprobs is not None:
            self._probs.append(token_probs(logits, token, self._logprobs))
        piece = self._text.feed(self.tokenizer.decode_bytes([token]))
        if self._text.stopped:
            piece += self._end("stop")
        elif self.completion_tokens == self._max_new_tokens:
            piece += self._end("length")
        return piece

    def take_probs(self) -> list[TokenProbs] | None:
        """Of the completion's tokens since the last call; None if they were not asked for."""
        if self._logprobs is None:
            return None
        probs, self._probs = self._probs, []
        return probs

    def _end(self, reason: FinishReason) -> str:
        rest = self._text.flush()
        # What was held back as half a character may have completed a stop string.
        self.finish_reason = "stop" if self._text.stopped else reason
        self.last_token = None
        return rest
