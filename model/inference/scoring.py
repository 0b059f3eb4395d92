"""How well a model predicts a text: the probability of each of its tokens after those before it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from model.gpt import GPT
from model.inference.kv_cache import SequenceCache
from model.inference.sampling import check_logit
from model.inference.token_probs import TokenProbs, tokens_probs
from model.layers.kit import FLOAT32
from model.layers.meta_init import meta_init


def in_float32(model: GPT) -> GPT:
    """The model, computed in float32 whatever its own numerics; it shares the weights, which always are."""
    if model.kit.dtype == torch.float32:
        return model
    with meta_init():
        copy = GPT(model.config, FLOAT32)
    copy.load_state_dict(model.state_dict(), assign=True)
    return copy.eval()


class Scoring:
    """One text on its way to its score, a chunk of tokens after the other.

    A text that is longer than the context is read in windows as long as the context, each of which begins
    half a context behind the one before and predicts only what that has not. So every token but those at the
    text's beginning is predicted from half a context at least, for twice the work of reading each token once
    (perplexity by a strided sliding window, as Hugging Face's documentation of `transformers` describes it).
    The first token follows nothing, and has no probability.
    """

    def __init__(self, tokens: Sequence[int], context_length: int, top: int = 0) -> None:
        """
        tokens  of the text; of one or none nothing is predicted
        top     how many of the likeliest tokens to give in each place
        """
        self.tokens = tuple(tokens)
        self.context_length = context_length
        self.top = top
        self.restart()

    def restart(self) -> None:
        """Forget what is computed, for another model."""
        self.probs: list[TokenProbs] = []
        """Of the second token, the third, and so on."""
        self._begin_window(0)

    def _begin_window(self, start: int) -> None:
        self._window_start = self._position = start
        self._cache: SequenceCache | None = None

    @property
    def is_done(self) -> bool:
        return len(self.probs) >= len(self.tokens) - 1

    @property
    def is_within_window(self) -> bool:
        """Whether it holds the keys and values of a window that it has not read to the end."""
        return self._cache is not None

    def score_chunk(self, model: GPT, chunk_tokens: int) -> None:
        """Read up to `chunk_tokens` tokens more, of a text that is not done, and predict what follows each.

        model   in evaluation mode; computes as `in_float32` has it
        raises  NotFiniteLogits
        """
        device = model.tok_emb.weight.device
        last_input = len(self.tokens) - 1
        window_end = min(self._window_start + self.context_length, last_input)
        start, end = self._position, min(self._position + chunk_tokens, window_end)
        if self._cache is None:
            self._cache = SequenceCache(model.config, device, model.kit.dtype)
        with torch.inference_mode():
            ids = torch.tensor([self.tokens[start:end]], device=device)  # (1, t)
            hidden = model.hidden(ids, [self._cache])[0]  # (t, C)
            # Those that the window before has predicted are read only to be looked back at.
            known = max(0, len(self.probs) - start)
            if known < end - start:
                targets = torch.tensor(self.tokens[start + 1 + known : end + 1])
                logits = logits_of(model, hidden[known:])
                check_logit(logits.max().item())
                self.probs += tokens_probs(logits, targets, self.top)
        self._position = end
        if end == window_end:
            self._begin_window(self._window_start + max(1, self.context_length // 2))


def logits_of(model: GPT, hidden: Tensor) -> Tensor:
    """(t, C) -> (t, V) float32: of the token that follows each."""
    return nn.functional.linear(hidden.to(model.head.weight.dtype), model.head.weight)
