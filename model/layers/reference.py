"""The lecture's arithmetic, each operation in its order, for `numerics="reference"`.

Fused kernels compute the same functions but round differently; here the lecture's printed losses come out to
the digit.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def layer_norm(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """(x - mean) / sqrt(variance + 1e-5) * scale + shift over the last dimension, with the biased variance.

    x (..., C), scale (C,), shift (C,); returns (..., C). Source: Ba et al. 2016, equation 4.
    """
    mean = x.mean(dim=-1, keepdim=True)
    variance = x.var(dim=-1, keepdim=True, unbiased=False)
    return scale * ((x - mean) / torch.sqrt(variance + 1e-5)) + shift


def gelu(x: Tensor) -> Tensor:
    """The tanh approximation of x * Phi(x), of any shape. Source: Hendrycks and Gimpel 2016, section 2."""
    factor = torch.sqrt(torch.tensor(2.0 / torch.pi))
    return 0.5 * x * (1 + torch.tanh(factor * (x + 0.044715 * torch.pow(x, 3))))


def attention(x: Tensor, weight: Tensor, bias: Tensor | None, n_heads: int, drop_rate: float) -> Tensor:
    """Causal multi-head attention up to the output projection, with dropout on the attention weights.

    x (B, T, C); weight (3C, C) and bias (3C,) hold query, key and value; returns (B, T, C).
    Source: Vaswani et al. 2017, equation 1.
    """
    B, T, C = x.shape
    weights = weight.chunk(3)
    biases = bias.chunk(3) if bias is not None else (None, None, None)

    def project(part: int) -> Tensor:
        projected = F.linear(x, weights[part], biases[part])
        return projected.view(B, T, n_heads, C // n_heads).transpose(1, 2)

    # Three products in this order, not one of three times the width: the sums of the backward pass follow it.
    keys, queries, values = project(1), project(0), project(2)  # (B, H, T, C/H) each
    scores = queries @ keys.transpose(2, 3)  # (B, H, T, T)
    future = torch.ones(T, T, dtype=torch.bool, device=x.device).triu(diagonal=1)
    scores = scores.masked_fill(future, -torch.inf)
    shares = torch.softmax(scores / keys.shape[-1] ** 0.5, dim=-1)
    shares = F.dropout(shares, drop_rate)
    return (shares @ values).transpose(1, 2).reshape(B, T, C)
