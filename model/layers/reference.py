"""The lecture's arithmetic, each operation in its order, for `numerics="reference"`.

Fused kernels compute the same functions but round differently; here the lecture's printed losses come out to
the digit. These are its formulas.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.layers import layer_norm
from model.layers.attention import LayerKVCache


class LayerNorm(layer_norm.LayerNorm):
    def forward(self, x: Tensor) -> Tensor:
        """(x - mean) / sqrt(variance + 1e-5) * scale + shift over the last dimension, with the biased
        variance."""
        mean = x.mean(dim=-1, keepdim=True)  # (B, T, 1)
        variance = x.var(dim=-1, keepdim=True, unbiased=False)  # (B, T, 1)
        return self.scale * ((x - mean) / torch.sqrt(variance + 1e-5)) + self.shift  # (B, T, C)


def gelu(x: Tensor) -> Tensor:
    """The tanh approximation of x * Phi(x), of any shape. Source: Hendrycks and Gimpel 2016, section 2."""
    factor = torch.sqrt(torch.tensor(2.0 / torch.pi))
    return 0.5 * x * (1 + torch.tanh(factor * (x + 0.044715 * torch.pow(x, 3))))


def project_qkv(qkv: nn.Linear, x: Tensor, n_heads: int) -> tuple[Tensor, Tensor, Tensor]:
    """x (B, T, C) -> queries, keys and values, (B, H, T, D) each."""
    B, T, C = x.shape
    weights = qkv.weight.chunk(3)  # (C, C) each
    biases = qkv.bias.chunk(3) if qkv.bias is not None else (None, None, None)

    def project(index: int) -> Tensor:
        projected = F.linear(x, weights[index], biases[index])  # (B, T, C)
        return projected.view(B, T, n_heads, C // n_heads).transpose(1, 2)  # (B, H, T, D)

    # Three products in this order, not one of three times the width: the sums of the backward pass follow it.
    keys, queries, values = project(1), project(0), project(2)
    return queries, keys, values


def attend(qkv: Sequence[Tensor], caches: Sequence[LayerKVCache], drop_rate: float) -> Tensor:
    """Queries, keys and values, (B, H, T, D) each -> (B, H, T, D), with dropout on the attention weights.

    raises  ValueError if there are caches: the lecture reads everything again for every token
    source  Vaswani et al. 2017, equation 1
    """
    if caches:
        raise ValueError("the numerics 'reference' has no KV cache")
    queries, keys, values = qkv
    T, D = queries.shape[-2:]
    scores = queries @ keys.transpose(2, 3)  # (B, H, T, T): how well each key fits each query
    future = torch.ones(T, T, dtype=torch.bool, device=scores.device).triu(diagonal=1)
    scores = scores.masked_fill(future, -torch.inf)
    # A sum of D products grows with the root of D: undivided, softmax would saturate.
    weights = torch.softmax(scores / D**0.5, dim=-1)  # (B, H, T, T), each row summing to 1
    weights = F.dropout(weights, drop_rate)
    return weights @ values  # (B, H, T, D)
