"""The next token, sampled by the logits of all."""

import torch
from torch import Tensor

from model.config import Distribution


def sample_token(logits: Tensor, distribution: Distribution, generator: torch.Generator | None) -> int:
    """By logits (V,), the likeliest token at `temperature` 0, else one that `sample_from_logits` draws."""
    if distribution.temperature == 0:
        # Of a vocabulary of 50,257 numpy finds it in 10 us, PyTorch in 57.
        return int(logits.numpy().argmax() if logits.is_cpu else logits.argmax())
    return sample_from_logits(logits, distribution, generator)


def sample_from_logits(logits: Tensor, distribution: Distribution, generator: torch.Generator | None) -> int:
    """A token drawn from softmax(logits / temperature), (V,), among the `top_k` likeliest, and of those among
    the fewest whose probabilities sum to `top_p` at least (Holtzman et al. 2020, section 3.1).

    `generator` is one of the CPU, where it draws, so that a seed gives the same text on every device: each
    token has a draw u of its own, and the largest log(u) / probability wins (Efraimidis and Spirakis 2006).
    Logits that differ by rounding, whose order differs too, then hardly ever give another token.
    """
    temperature, top_k, top_p = distribution.temperature, distribution.top_k, distribution.top_p
    logits = logits.cpu()
    draws = torch.rand(len(logits), dtype=torch.float64, generator=generator)  # in [0, 1)
    tokens = torch.arange(len(logits))
    if top_k is not None:
        tokens = likeliest(logits, logits.topk(min(top_k, len(logits))).values[-1])[:top_k]
        logits = logits[tokens]
    # Below the largest logit and in float64 no temperature that there is, down to 1e-323, makes a NaN of it.
    probabilities = ((logits - logits.max()).double() / temperature).float().softmax(dim=0)
    if top_p is not None and top_p < 1:
        # All that are less likely sum to less than 1 - top_p; the likeliest stays, however the others round.
        kept = likeliest(probabilities, probabilities.max().clamp(max=(1 - top_p) / len(probabilities)))
        tokens, probabilities = tokens[kept], probabilities[kept]
        before = probabilities.cumsum(dim=0) - probabilities
        # In float32 the smallest `top_p` are 0, which is reached before the first.
        enough = slice(max(1, int((before < top_p).sum())))
        tokens, probabilities = tokens[enough], probabilities[enough]
    # A draw of 0 has a logarithm of -inf, and never wins.
    return int(tokens[int((draws[tokens].log() / probabilities).argmax())])


def likeliest(values: Tensor, least: Tensor) -> Tensor:
    """Where `values` (N,) are `least` or more: the largest first, equal ones in their order. To sort a whole
    vocabulary takes a third of the time of a token, these few a hundredth (benchmarks/LOG.md)."""
    found = (values >= least).nonzero().flatten()
    return found[values[found].sort(descending=True, stable=True).indices]
