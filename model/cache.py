"""Keys and values of tokens that a model has read, so that the next token costs one position, not all."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from model.config import GPTConfig


class AttendingCache(Protocol):
    """Of one block and one row."""

    def attention(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Of the next t tokens, (1, H, t, D) each and returned, which are taken in."""
        ...


class RowCache(Protocol):
    """Of a whole model and one row of tokens."""

    @property
    def layers(self) -> Sequence[AttendingCache]: ...

    def positions(self, tokens: int, device: torch.device) -> Tensor:
        """(T,) int64: where the next `tokens` tokens stand. ValueError if there is no place for them."""
        ...


class LayerCache:
    """Of one block and one row: keys and values (1, H, T, D), with room for `limit` tokens."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.length = 0
        self.kept: Tensor | None = None
        """(2, 1, H, limit, D) once there are keys, in their type."""

    def attention(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        is_start = self.length == 0 and query.shape[2] > 1
        return F.scaled_dot_product_attention(query, *self.extend(key, value), is_causal=is_start)

    def extend(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Take the keys and values (1, H, t, D) of the next t tokens; return those of all read so far."""
        if self.kept is None:
            B, H, _, D = keys.shape
            self.kept = keys.new_empty(2, B, H, self.limit, D)
        start, self.length = self.length, self.length + keys.shape[2]
        for kept, new in zip(self.kept, (keys, values), strict=True):
            kept[:, :, start : self.length] = new
        all_keys, all_values = self.kept[:, :, :, : self.length]
        return all_keys, all_values


class Cache:
    """A `RowCache`."""

    def __init__(self, config: GPTConfig) -> None:
        self.limit = config.context_length
        self.layers = [LayerCache(config.context_length) for _ in range(config.n_layers)]

    @property
    def length(self) -> int:
        """Tokens read."""
        return self.layers[0].length

    def positions(self, tokens: int, device: torch.device) -> Tensor:
        return positions_after(self.length, tokens, self.limit, device)

    def advance(self) -> None:
        """Count a token whose keys and values somebody else has put in their place."""
        for layer in self.layers:
            layer.length += 1


def positions_after(read: int, tokens: int, limit: int, device: torch.device) -> Tensor:
    """(T,) int64: of `tokens` tokens after as many as are `read`. ValueError if they exceed `limit`."""
    if read + tokens > limit:
        raise ValueError(f"{read + tokens} tokens do not fit into a context of {limit}")
    return torch.arange(read, read + tokens, device=device)


def attention_with_caches(
    queries: Tensor, keys: Tensor, values: Tensor, caches: Sequence[AttendingCache]
) -> Tensor:
    """Causal attention, (B, H, t, D) each and returned, to these tokens and those in the row's cache.

    Row by row, so that each has a length of its own and is computed as if it were alone.
    """
    rows = zip(caches, queries.split(1), keys.split(1), values.split(1), strict=True)
    return torch.cat([cache.attention(*row) for cache, *row in rows])
