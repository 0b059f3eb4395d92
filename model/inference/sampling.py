"""Sampling the next token from its logits: greedy, or by temperature, top-k and top-p."""

import math

import torch
from torch import Tensor

from model.config import Distribution


class NotFiniteLogits(Exception):
    """The model's weights, though finite, are so large that what it computes is not."""

    def __init__(self) -> None:
        super().__init__("the model computes no finite numbers: its weights are too large, or damaged")


def sample_token(logits: Tensor, distribution: Distribution, generator: torch.Generator | None) -> int:
    """The likeliest token of logits (V,) at `temperature` 0, else one that `sample_from_logits` draws.

    raises  NotFiniteLogits
    """
    if distribution.temperature == 0:
        # Of a vocabulary of 50,257 NumPy finds it in 10 us, PyTorch in 57. Both find a NaN first.
        likeliest = int(logits.numpy().argmax() if logits.is_cpu else logits.argmax())
        check_logit(logits[likeliest].item())
        return likeliest
    return sample_from_logits(logits, distribution, generator)


def sample_from_logits(logits: Tensor, distribution: Distribution, generator: torch.Generator | None) -> int:
    """A token drawn from softmax(logits / temperature), (V,), among the `top_k` likeliest, and of those among
    the fewest whose probabilities sum to `top_p` at least (Holtzman et al. 2020, section 3.1).

    Each token of the vocabulary has a uniform draw u of its own, and the largest log(u) / probability wins,
    a form of the Gumbel-max trick (Efraimidis and Spirakis 2006). So logits that differ by rounding hardly
    ever give another token, though their order may differ too. `generator` is one of the CPU: a seed gives
    the same text on every device.

    raises  NotFiniteLogits
    """
    temperature, top_k, top_p = distribution.temperature, distribution.top_k, distribution.top_p
    logits = logits.cpu()
    largest = logits.max()
    check_logit(largest.item())
    uniform = torch.rand(len(logits), dtype=torch.float64, generator=generator)  # (V,), in [0, 1)
    tokens = torch.arange(len(logits))
    if top_k is not None:
        kth_largest = logits.topk(min(top_k, len(logits))).values[-1]
        tokens = indices_from(logits, kth_largest)[:top_k]
        logits = logits[tokens]
    # Below the largest logit and in float64 no temperature that there is, down to 1e-323, makes a NaN of it.
    probs = ((logits - largest).double() / temperature).float().softmax(dim=0)
    if top_p is not None and top_p < 1:
        # All that are less likely sum to less than 1 - top_p; the likeliest stays, however the others round.
        threshold = probs.max().clamp(max=(1 - top_p) / len(probs))
        candidates = indices_from(probs, threshold)
        tokens, probs = tokens[candidates], probs[candidates]
        cumulative_before = probs.cumsum(dim=0) - probs
        # In float32 the smallest `top_p` are 0, which is reached before the first.
        nucleus = slice(max(1, int((cumulative_before < top_p).sum())))
        tokens, probs = tokens[nucleus], probs[nucleus]
    # A draw of 0 has a logarithm of -inf, and never wins.
    return int(tokens[int((uniform[tokens].log() / probs).argmax())])


def check_logit(largest: float) -> None:
    """raises  NotFiniteLogits unless the largest logit is a finite number"""
    if not math.isfinite(largest):
        raise NotFiniteLogits


def indices_from(values: Tensor, threshold: Tensor) -> Tensor:
    """Indices of the `values` (N,) that are `threshold` or more: the largest first, equal ones in order.

    To sort the whole vocabulary takes a third of the time of a token, these few a hundredth
    (benchmarks/LOG.md).
    """
    indices = (values >= threshold).nonzero().flatten()
    return indices[values[indices].sort(descending=True, stable=True).indices]
