"""Keys and values of tokens that a model has read, so that the next token costs one position, not all."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from model.config import GPTConfig


class LayerCache:
    """Of one block and one row: keys and values (1, H, T, D), with room for a whole context."""

    def __init__(self, shape: tuple[int, int, int, int], dtype: torch.dtype, device: torch.device) -> None:
        self.keys = torch.empty(shape, dtype=dtype, device=device)
        self.values = torch.empty(shape, dtype=dtype, device=device)
        self.length = 0

    def extend(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Take the keys and values (1, H, t, D) of the next t tokens; return those of all read so far."""
        start, self.length = self.length, self.length + keys.shape[2]
        self.keys[:, :, start : self.length] = keys
        self.values[:, :, start : self.length] = values
        return self.keys[:, :, : self.length], self.values[:, :, : self.length]


class Cache:
    """Of a whole model and one row of tokens."""

    def __init__(self, config: GPTConfig, dtype: torch.dtype, device: torch.device) -> None:
        shape = (1, config.n_heads, config.context_length, config.emb_dim // config.n_heads)
        self.layers = [LayerCache(shape, dtype, device) for _ in range(config.n_layers)]

    @property
    def length(self) -> int:
        """Tokens read."""
        return self.layers[0].length


def attention_with_caches(
    queries: Tensor, keys: Tensor, values: Tensor, caches: Sequence[LayerCache]
) -> Tensor:
    """Causal attention, (B, H, t, D) each and returned, to these tokens and those in the row's cache.

    Row by row, so that each has a length of its own and is computed as if it were alone.
    """
    mixed = []
    for cache, *row in zip(caches, queries.split(1), keys.split(1), values.split(1), strict=True):
        query, key, value = row
        is_start = cache.length == 0 and query.shape[2] > 1
        mixed.append(F.scaled_dot_product_attention(query, *cache.extend(key, value), is_causal=is_start))
    return torch.cat(mixed)
