"""Attention with dropout on the CPU, where PyTorch's fused kernel knows no dropout."""

import torch
from torch import Tensor

from model.dropout import dropout


def attention_with_dropout(queries: Tensor, keys: Tensor, values: Tensor, drop_rate: float) -> Tensor:
    """Causal attention, (B, H, T, D) each and returned, with dropout on the attention weights.

    `scaled_dot_product_attention` falls back to a general version that also looks for rows without any
    visible token, and scales and masks in passes of their own. Here the matrix product does both. It saves
    an eighth of a step of the lecture's job (benchmarks/LOG.md). Source: Vaswani et al. 2017, equation 1.
    """
    B, H, T, D = queries.shape
    mask = torch.full((T, T), -torch.inf, dtype=queries.dtype).triu(diagonal=1)
    scores = torch.baddbmm(mask, queries.flatten(0, 1), keys.flatten(0, 1).mT, alpha=D**-0.5)  # (B * H, T, T)
    shares = dropout(scores.softmax(dim=-1), drop_rate)
    return (shares @ values.flatten(0, 1)).view(B, H, T, D)
