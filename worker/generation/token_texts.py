"""Tokens' probabilities as the messages to the requester have them."""

import math
from collections.abc import Iterable

from jobs.broker.token_probs import LikelyToken, TokenLogprob
from model.inference.token_probs import Likely, TokenProbs
from model.tokenizers import Tokenizer


def token_logprobs(tokenizer: Tokenizer, probs: Iterable[TokenProbs]) -> tuple[TokenLogprob, ...]:
    return tuple(token_logprob(tokenizer, each) for each in probs)


def token_logprob(tokenizer: Tokenizer, probs: TokenProbs) -> TokenLogprob:
    text, data = text_and_bytes(tokenizer, probs.token)
    return TokenLogprob(
        token=text,
        bytes=data,
        logprob=finite_or_none(probs.logprob),
        rank=probs.rank,
        top=tuple(likely_token(tokenizer, likely) for likely in probs.top),
    )


def likely_token(tokenizer: Tokenizer, likely: Likely) -> LikelyToken:
    text, data = text_and_bytes(tokenizer, likely.token)
    return LikelyToken(token=text, bytes=data, logprob=finite_or_none(likely.logprob))


def text_and_bytes(tokenizer: Tokenizer, token: int) -> tuple[str, tuple[int, ...]]:
    data = tokenizer.decode_bytes([token])
    return data.decode(errors="replace"), tuple(data)


def finite_or_none(number: float) -> float | None:
    """JSON has no infinity, which the logits of a damaged model may come to."""
    return number if math.isfinite(number) else None
