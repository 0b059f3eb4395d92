"""A prompt on its way to a completion, token by token."""

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

import torch
from torch import Tensor

from model.config import Distribution
from model.drawing import sample_token
from model.stopping import StoppableText
from model.tokens import Tokenizer, text_start

FinishReason = Literal["length", "stop"]
GREEDY = Distribution()


class Options(TypedDict, total=False):
    """How a prompt is continued."""

    max_new_tokens: int
    """Default: 50."""
    distribution: Distribution
    """What the tokens are sampled from. Default: the likeliest each time."""
    seed: int | None
    """None draws one."""
    stop: Sequence[str]
    """The completion ends before the first occurrence of one of these."""
    should_stop: Callable[[], bool]
    """Asked after every token."""
    ends_texts: bool
    """Whether the model was trained on end-of-text tokens: see `text_start`. Default: no."""


@dataclass(frozen=True)
class Completion:
    text: str
    """The prompt and the completion."""
    completion: str
    prompt_tokens: int
    completion_tokens: int
    finish_reason: FinishReason
    """`length`: `max_new_tokens` ended it; `stop`: a stop string, the end-of-text token or `should_stop`."""
    seed: int
    """Gives the same completion again."""
    prompt_truncated: bool
    """Whether the prompt was longer than the context, so that the model saw its end only."""
    tokens_per_s: float


class Continuation:
    """Takes the logits of one token after the other. An empty prompt continues `text_start`; the
    end-of-text token ends the text. The global generator is left alone."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        prompt: str,
        *,
        max_new_tokens: int = 50,
        distribution: Distribution = GREEDY,
        seed: int | None = None,
        stop: Sequence[str] = (),
        should_stop: Callable[[], bool] = lambda: False,
        ends_texts: bool = False,
    ) -> None:
        self.seed = secrets.randbits(32) if seed is None else seed
        self.prompt_tokens = tokenizer.encode(prompt)
        self.tokens = list(self.prompt_tokens) or text_start(tokenizer, ends_texts=ends_texts)
        """The prompt's, and those taken so far."""
        self.is_over = False
        self._tokenizer, self._prompt = tokenizer, prompt
        self._max_new_tokens, self._should_stop = max_new_tokens, should_stop
        self._distribution = distribution
        self._generator = torch.Generator().manual_seed(self.seed)
        self._text = StoppableText(stop)
        self._n_new = 0
        self._started_s = self._ended_s = time.perf_counter()

    def take(self, logits: Tensor) -> str:
        """Sample the next token by the logits (V,); returns the text that is certain now."""
        token = sample_token(logits, self._distribution, self._generator)
        if token == self._tokenizer.end_of_text:
            return self._end()
        self.tokens.append(token)
        self._n_new += 1
        piece = self._text.add(self._tokenizer.decode_bytes([token]))
        if self._text.stopped or self._should_stop() or self._n_new == self._max_new_tokens:
            piece += self._end()
        return piece

    def _end(self) -> str:
        self.is_over = True
        self._ended_s = time.perf_counter()
        return self._text.finish()

    def completion(self, context_length: int) -> Completion:
        """What it came to, once it is over, with a model of that context."""
        is_cut = self._text.stopped or self._n_new < self._max_new_tokens
        return Completion(
            text=self._prompt + self._text.released,
            completion=self._text.released,
            prompt_tokens=len(self.prompt_tokens),
            completion_tokens=self._n_new,
            finish_reason="stop" if is_cut else "length",
            seed=self.seed,
            prompt_truncated=len(self.prompt_tokens) > context_length,
            tokens_per_s=self._n_new / (self._ended_s - self._started_s),
        )
