"""The next token, chosen by the scores of all."""

import torch
from torch import Tensor


def choose(
    logits: Tensor,
    temperature: float,
    top_k: int | None,
    top_p: float | None,
    generator: torch.Generator | None,
) -> int:
    """The likeliest token, by logits (V,), at `temperature` 0; above it, one that `draw` draws."""
    if temperature == 0:
        return int(logits.argmax())
    return draw(logits, temperature, top_k, top_p, generator)


def draw(
    logits: Tensor,
    temperature: float,
    top_k: int | None,
    top_p: float | None,
    generator: torch.Generator | None,
) -> int:
    """A token drawn from softmax(logits / temperature), (V,), among the `top_k` likeliest, and of those among
    the fewest whose probabilities sum to `top_p` at least (Holtzman et al. 2020, section 3.1).

    `generator` is one of the CPU, where it draws, so that a seed gives the same text on every device: each
    token has a draw of its own, and the largest quotient of probability and draw wins (`torch.multinomial`),
    so that scores which differ by rounding, whose order differs too, hardly ever give another token.
    """
    # Below the best score and in float64 no temperature that there is, down to 1e-323, makes a NaN of it.
    scores = ((logits - logits.max()).cpu().double() / temperature).float()
    if top_k is None and top_p is None:
        return int(torch.multinomial(scores.softmax(dim=0), 1, generator=generator))
    best, tokens = scores.sort(descending=True, stable=True)
    probabilities = best[:top_k].softmax(dim=0)
    if top_p is not None:
        before = probabilities.cumsum(dim=0) - probabilities
        # In float32 the smallest `top_p` are 0, which is reached before the first.
        probabilities = probabilities[: max(1, int((before < top_p).sum()))]
    by_token = torch.zeros_like(scores).scatter(0, tokens[: len(probabilities)], probabilities)
    return int(torch.multinomial(by_token, 1, generator=generator))
