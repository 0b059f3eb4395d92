"""Keys and values (kv) of tokens that a model has read, so that the next one costs one position, not all."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from model.attention import causal_attention, continued_attention
from model.config import GPTConfig


class AttendingCache(Protocol):
    """Of one block and one sequence."""

    def attention(self, qkv: Tensor) -> Tensor:
        """Queries, keys and values (3, 1, H, t, D) of the next t tokens, which it takes in -> (1, H, t, D)"""
        ...


class SequenceCache(Protocol):
    """Of a whole model and one sequence."""

    @property
    def layers(self) -> Sequence[AttendingCache]: ...

    def positions(self, tokens: int, device: torch.device) -> Tensor:
        """(T,) int64: where the next `tokens` tokens stand. ValueError if there is no place for them."""
        ...


class LayerCache:
    """Of one block and one sequence: its part of the `cache`, and how many tokens it has read."""

    def __init__(self, cache: "Cache", index: int) -> None:
        self.cache = cache
        self.index = index
        self.length = 0

    def attention(self, qkv: Tensor) -> Tensor:
        kv = self.cache.room_for(qkv)[self.index]  # (2, 1, H, limit, D)
        start, self.length = self.length, self.length + qkv.shape[3]
        kv[:, :, :, start : self.length] = qkv[1:]
        if start == 0:
            return causal_attention(qkv)
        keys, values = kv[:, :, :, : self.length]
        queries = qkv[0].to(kv.dtype)
        if qkv.shape[3] == 1:
            return F.scaled_dot_product_attention(queries, keys, values)
        return continued_attention(queries, keys, values)


class Cache:
    """A `SequenceCache` with room for a whole context, which the system gives it as it fills up.

    On the CPU in float32, in whose type one query attends to 200 tokens in 31 instead of 134 us.
    """

    def __init__(self, config: GPTConfig) -> None:
        self.limit = config.context_length
        self.kv: Tensor | None = None
        """(L, 2, 1, H, limit, D) once a token has been read."""
        self.layers = [LayerCache(self, index) for index in range(config.n_layers)]

    @property
    def length(self) -> int:
        """Tokens read."""
        return self.layers[0].length

    def room_for(self, qkv: Tensor) -> Tensor:
        """The memory, of the type and on the device of what comes first."""
        if self.kv is None:
            _, B, H, _, D = qkv.shape
            dtype = torch.float32 if qkv.is_cpu else qkv.dtype
            shape = (len(self.layers), 2, B, H, self.limit, D)
            self.kv = torch.empty(shape, dtype=dtype, device=qkv.device)
        return self.kv

    def positions(self, tokens: int, device: torch.device) -> Tensor:
        return positions_after(self.length, tokens, self.limit, device)

    def advance(self) -> None:
        """Count a token whose keys and values somebody else has put in their place."""
        self.set_length(self.length + 1)

    def set_length(self, length: int) -> None:
        """Forget the tokens from there on."""
        for layer in self.layers:
            layer.length = length


def positions_after(read: int, tokens: int, limit: int, device: torch.device) -> Tensor:
    """(T,) int64: of `tokens` tokens after as many as are `read`. ValueError if they exceed `limit`."""
    if read + tokens > limit:
        raise ValueError(f"{read + tokens} tokens do not fit into a context of {limit}")
    return torch.arange(read, read + tokens, device=device)


def attend(qkv: Tensor, caches: Sequence[AttendingCache] = (), drop_rate: float = 0.0) -> Tensor:
    """Of queries to keys and values (3, B, H, t, D), and to those in the caches -> (B, H, t, D).

    With caches, one for each sequence, which know no dropout, sequence by sequence: each has a length of its
    own and is computed as if it were alone.
    """
    if not caches:
        return causal_attention(qkv, drop_rate)
    if len(caches) == 1:
        return caches[0].attention(qkv)
    sequences = zip(caches, qkv.split(1, dim=1), strict=True)
    return torch.cat([cache.attention(sequence) for cache, sequence in sequences])
