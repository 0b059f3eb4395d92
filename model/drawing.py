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

    `generator` is one of the CPU, where it draws, so that a seed gives the same text on every device.
    """
    scores, tokens = (logits.cpu() / temperature).sort(descending=True, stable=True)
    probabilities = scores[:top_k].softmax(dim=0)
    if top_p is not None:
        before = probabilities.cumsum(dim=0) - probabilities
        probabilities = probabilities[before < top_p]
    return int(tokens[torch.multinomial(probabilities, 1, generator=generator)])
