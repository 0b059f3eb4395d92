"""Keys and values of tokens that a model has read, so that the next token costs one position, not all."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from model.config import GPTConfig


class LayerCache:
    """Of one block and one row: keys and values (1, H, T, D), with room for `limit` tokens."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.length = 0
        self._kept: Tensor | None = None  # (2, 1, H, limit, D), in the type of the first keys

    def extend(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Take the keys and values (1, H, t, D) of the next t tokens; return those of all read so far."""
        if self._kept is None:
            B, H, _, D = keys.shape
            self._kept = keys.new_empty(2, B, H, self.limit, D)
        start, self.length = self.length, self.length + keys.shape[2]
        for kept, new in zip(self._kept, (keys, values), strict=True):
            kept[:, :, start : self.length] = new
        all_keys, all_values = self._kept[:, :, :, : self.length]
        return all_keys, all_values


class Cache:
    """Of a whole model and one row of tokens."""

    def __init__(self, config: GPTConfig) -> None:
        self.layers = [LayerCache(config.context_length) for _ in range(config.n_layers)]

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
