"""Tokens with their probabilities, on the way from the generation worker to the requester."""

from jobs.validation.request_model import RequestModel


class TokenText(RequestModel):
    """A token of the vocabulary."""

    token: str
    """Its text. Bytes that are no whole character by themselves are U+FFFD in it."""
    bytes: tuple[int, ...]
    """Its UTF-8 bytes, each from 0 to 255: those of several tokens together may be a character."""


class LikelyToken(TokenText):
    """A token that could have come next."""

    logprob: float | None = None
    """Natural logarithm of its probability under the model, at temperature 1 and over the whole vocabulary.
    Null if it is not finite."""


class TokenLogprob(LikelyToken):
    """A token that was sampled, and those that were likeliest in its place."""

    rank: int
    """1 for the likeliest token of the vocabulary; of equally likely ones the lower id comes first."""
    top: tuple[LikelyToken, ...]
    """As many of the likeliest tokens as were asked for, the likeliest first."""


class ScoredToken(TokenText):
    """A token of a text that was scored. The first of a text has no figures, because it follows nothing."""

    nats: float | None = None
    """Its loss: minus the natural logarithm of its probability after the tokens before it."""
    rank: int | None = None
    """1 for the likeliest token of the vocabulary; of equally likely ones the lower id comes first."""
    top: tuple[LikelyToken, ...] = ()
    """As many of the likeliest tokens in its place as were asked for, the likeliest first."""
