"""Keys and values of tokens that a model has read, so that the next token costs one position, not all."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from model.attention import causal_attention
from model.config import GPTConfig


class AttendingCache(Protocol):
    """Of one block and one row."""

    def attention(self, qkv: Tensor) -> Tensor:
        """Queries, keys and values (3, 1, H, t, D) of the next t tokens, which are taken in -> (1, H, t, D).

        t is 1 unless they are the first ones.
        """
        ...


class RowCache(Protocol):
    """Of a whole model and one row of tokens."""

    @property
    def layers(self) -> Sequence[AttendingCache]: ...

    def positions(self, tokens: int, device: torch.device) -> Tensor:
        """(T,) int64: where the next `tokens` tokens stand. ValueError if there is no place for them."""
        ...


class LayerCache:
    """Of one block and one row: keys and values (1, H, T, D), with room for `limit` tokens.

    On the CPU in float32, in whose type one query attends to 200 tokens in 31 instead of 134 us.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.length = 0
        self.kept: Tensor | None = None
        """(2, 1, H, limit, D) once there are keys."""

    def attention(self, qkv: Tensor) -> Tensor:
        _, B, H, t, D = qkv.shape
        if self.kept is None:
            dtype = torch.float32 if qkv.is_cpu else qkv.dtype
            self.kept = torch.empty(2, B, H, self.limit, D, dtype=dtype, device=qkv.device)
        start, self.length = self.length, self.length + t
        self.kept[:, :, :, start : self.length] = qkv[1:]
        if start == 0:
            return causal_attention(qkv)
        keys, values = self.kept[:, :, :, : self.length]
        return F.scaled_dot_product_attention(qkv[0].to(self.kept.dtype), keys, values)


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


def attend(qkv: Tensor, caches: Sequence[AttendingCache] = (), drop_rate: float = 0.0) -> Tensor:
    """Of queries to keys and values (3, B, H, t, D), and to those in the row's cache -> (B, H, t, D).

    With caches, which know no dropout, row by row: each has a length of its own and is computed as if it were
    alone.
    """
    if not caches:
        return causal_attention(qkv, drop_rate)
    if len(caches) == 1:
        return caches[0].attention(qkv)
    rows = zip(caches, qkv.split(1, dim=1), strict=True)
    return torch.cat([cache.attention(row) for cache, row in rows])
