"""How likely a token was, and which would have been likelier, by the model's logits."""

from dataclasses import dataclass

import torch
from torch import Tensor

from model.inference.sampling import indices_from


@dataclass(frozen=True)
class Likely:
    token: int
    logprob: float


@dataclass(frozen=True)
class TokenProbs(Likely):
    """A token and its probability under the model: softmax(logits) over the whole vocabulary, at temperature
    1, whatever it was sampled by."""

    rank: int
    """1 for the likeliest; of equal ones the lower id comes first."""
    top: tuple[Likely, ...]
    """The likeliest tokens, the likeliest first."""


def token_probs(logits: Tensor, token: int, top: int) -> TokenProbs:
    """Of `token` and of the `top` likeliest tokens, or of all if there are fewer, by logits (V,).

    Computed in float32.
    """
    (probs,) = tokens_probs(logits[None], torch.tensor([token]), top)
    return probs


def tokens_probs(logits: Tensor, tokens: Tensor, top: int = 0) -> list[TokenProbs]:
    """The same for each of T positions: logits (T, V), tokens (T,)."""
    logprobs = logits.float().log_softmax(dim=-1)  # (T, V)
    tokens = tokens.to(logprobs.device)
    own = logprobs.gather(1, tokens[:, None])  # (T, 1)
    ids = torch.arange(logprobs.shape[1], device=logprobs.device)  # (V,)
    comes_before = (logprobs > own) | ((logprobs == own) & (ids < tokens[:, None]))  # (T, V)
    # A sum of booleans takes five times as long.
    ranks = (1 + comes_before.int().sum(dim=1, dtype=torch.int32)).tolist()
    return [
        TokenProbs(token, logprob, rank, likeliest(row, top))
        for token, logprob, rank, row in zip(
            tokens.tolist(), own[:, 0].tolist(), ranks, logprobs, strict=True
        )
    ]


def likeliest(logprobs: Tensor, count: int) -> tuple[Likely, ...]:
    """Of logarithms of probabilities (V,), in the order of their ranks."""
    if count == 0:
        return ()
    least = logprobs.topk(min(count, len(logprobs))).values[-1]
    tokens = indices_from(logprobs, least)[:count]
    return tuple(map(Likely, tokens.tolist(), logprobs[tokens].tolist()))
