"""Text from a model, token by token."""

import codecs
import secrets
import time
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from model.decoding import Decoding
from model.evaluation import evaluating
from model.gpt import GPT
from model.tokens import Tokenizer

FinishReason = Literal["length", "stop"]


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


def generate(
    model: GPT,
    ids: Sequence[int],
    max_new_tokens: int,
    temperature: float = 0.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: torch.Generator | None = None,
    stop: Collection[int] = (),
) -> Iterator[int]:
    """Yield up to `max_new_tokens` token ids that continue `ids`, ending before a token of `stop`.

    The model sees the last `context_length` tokens. `temperature` 0 takes the likeliest token; above it, the
    next is drawn as `draw` says. ValueError if `ids` is empty.
    """
    decoding = Decoding(model, [ids])
    for _ in range(max_new_tokens):
        with evaluating(model):
            logits = decoding.next_logits()[0]  # (V,)
            token = (
                int(logits.argmax())
                if temperature == 0
                else draw(logits, temperature, top_k, top_p, generator)
            )
        if token in stop:
            return
        yield token
        decoding.append([token])


def draw(
    logits: Tensor,
    temperature: float,
    top_k: int | None,
    top_p: float | None,
    generator: torch.Generator | None,
) -> int:
    """A token drawn from softmax(logits / temperature), (V,), among the `top_k` likeliest, and of those among
    the fewest whose probabilities sum to `top_p` at least (Holtzman et al. 2020, section 3.1).

    `generator` is one of the CPU, where it draws, so that a seed gives the same text on every device.
    """
    scores, tokens = (logits.cpu() / temperature).sort(descending=True, stable=True)
    probabilities = scores[:top_k].softmax(dim=0)
    if top_p is not None:
        before = probabilities.cumsum(dim=0) - probabilities
        probabilities = probabilities[before < top_p]
    return int(tokens[torch.multinomial(probabilities, 1, generator=generator)])


def stream(
    model: GPT,
    tokenizer: Tokenizer,
    prompt: str,
    *,
    max_new_tokens: int = 50,
    temperature: float = 0.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int | None = None,
    stop: Sequence[str] = (),
    should_stop: Callable[[], bool] = lambda: False,
) -> Generator[str, None, Completion]:
    """Yield the completion of `prompt` in pieces of whole characters; return it as a `Completion`.

    It ends before the first occurrence of a string of `stop`, and before an end-of-text token. An empty
    prompt starts from the end-of-text token, as a text does. `seed` None draws one. The global generator is
    left alone. `should_stop` is asked after every token.
    """
    seed = secrets.randbits(32) if seed is None else seed
    prompt_ids = tokenizer.encode(prompt)
    started = time.perf_counter()
    tokens = generate(
        model,
        prompt_ids or [tokenizer.end_of_text],
        max_new_tokens,
        temperature,
        top_k,
        top_p,
        torch.Generator().manual_seed(seed),
        stop=[tokenizer.end_of_text],
    )
    text = StoppableText(stop)
    n_tokens = 0
    for token in tokens:
        n_tokens += 1
        if piece := text.add(tokenizer.decode_bytes([token])):
            yield piece
        if text.stopped or should_stop():
            break
    if piece := text.finish():
        yield piece
    return Completion(
        text=prompt + text.released,
        completion=text.released,
        prompt_tokens=len(prompt_ids),
        completion_tokens=n_tokens,
        finish_reason="stop" if text.stopped or n_tokens < max_new_tokens else "length",
        seed=seed,
        prompt_truncated=len(prompt_ids) > model.config.context_length,
        tokens_per_s=n_tokens / (time.perf_counter() - started),
    )


def complete(
    model: GPT,
    tokenizer: Tokenizer,
    prompt: str,
    *,
    max_new_tokens: int = 50,
    temperature: float = 0.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int | None = None,
    stop: Sequence[str] = (),
    on_text: Callable[[str], object] = lambda piece: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Completion:
    """The completion of `prompt`, as `stream` makes it; `on_text` gets each piece as soon as it is there."""
    pieces = stream(
        model,
        tokenizer,
        prompt,
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        seed=seed,
        stop=stop,
        should_stop=should_stop,
    )
    while True:
        try:
            piece = next(pieces)
        except StopIteration as end:
            return end.value
        on_text(piece)


class StoppableText:
    """Text made of UTF-8 bytes that arrive in any portions, released no further than the first stop string.

    What might be the beginning of a stop string, or is half a character, is held back until more arrives.
    """

    def __init__(self, stop: Sequence[str]) -> None:
        self.stop = [string for string in stop if string]
        self.decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self.released = ""
        self.held = ""
        self.stopped = False

    def add(self, data: bytes) -> str:
        """Take more bytes; return the text that they release."""
        return self._release(self.decoder.decode(data))

    def finish(self) -> str:
        """No more bytes come; return the rest of the text, half a character as U+FFFD."""
        last = self._release(self.decoder.decode(b"", final=True))
        rest = "" if self.stopped else self.held
        self.released += rest
        return last + rest

    def _release(self, text: str) -> str:
        if self.stopped:
            return ""
        self.held += text
        found = [at for string in self.stop if (at := self.held.find(string)) >= 0]
        self.stopped = bool(found)
        end = min(found) if found else len(self.held) - self._possible_start()
        piece, self.held = self.held[:end], self.held[end:]
        self.released += piece
        return piece

    def _possible_start(self) -> int:
        """Length of the longest end of the held text with which a stop string begins."""
        lengths = (
            length
            for string in self.stop
            for length in range(min(len(string) - 1, len(self.held)), 0, -1)
            if self.held.endswith(string[:length])
        )
        return max(lengths, default=0)
