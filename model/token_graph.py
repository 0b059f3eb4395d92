"""Decoding on a GPU, where to start a kernel takes longer than most of them run."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from model.cache import Cache
from model.cuda_graph import record, warm_up
from model.gpt import GPT


class TokenGraph:
    """Gives the scores of the token after the next one of each row, with one start of a CUDA graph for all
    kernels.

    A graph repeats what it has recorded at the same addresses, so the rows stay those it was made for, and
    each attends to all the places of its cache, those without a token masked. Recording takes as long as a
    few tokens without it (benchmarks/LOG.md).
    """

    def __init__(self, model: GPT, caches: Sequence[Cache]) -> None:
        """`caches`, one of each row, have taken in a token at least."""
        self.model, self.caches = model, list(caches)
        for layer in (layer for cache in caches for layer in cache.layers):
            assert layer.kept is not None
            layer.kept[..., layer.length :, :] = 0  # what is masked must be numbers too
        self.inputs = torch.zeros(len(self.caches), 2, dtype=torch.int64, device=model.tok_emb.weight.device)
        """Of each row, a token and its position."""
        self.graph: torch.cuda.CUDAGraph | None = None

    def next_logits(self, tokens: Mapping[Cache, int]) -> dict[Cache, Tensor]:
        """The scores (1, V) after a token of each of these rows, until the next call. The others rest."""
        limit = self.model.config.context_length
        rows = [[tokens.get(cache, 0), min(cache.length, limit - 1)] for cache in self.caches]
        self.inputs.copy_(torch.tensor(rows))
        if self.graph is None:
            warm_up(self.compute)
            self.graph = record(self.compute)
        self.graph.replay()
        for cache in tokens:
            cache.advance()
        scores = zip(self.caches, self.scores.split(1), strict=True)
        return {cache: row for cache, row in scores if cache in tokens}

    def compute(self) -> None:
        """The `scores` (B, V) by the inputs."""
        ids, positions = self.inputs.split(1, dim=1)  # (B, 1) each
        places = torch.arange(self.model.config.context_length, device=ids.device)
        is_read = places <= positions  # (B, limit)
        rows = zip(self.caches, positions, is_read.split(1), strict=True)
        caches = [PlacedCache(cache, position, mask) for cache, position, mask in rows]
        self.scores = self.model.next_logits(ids, caches)


class PlacedCache:
    """A `RowCache`: the memory of `cache`, whose next token's position (1,) and mask (1, limit) only the GPU
    knows."""

    def __init__(self, cache: Cache, position: Tensor, is_read: Tensor) -> None:
        self.position = position
        self.layers = [PlacedLayerCache(layer.kept, position, is_read) for layer in cache.layers]

    def positions(self, tokens: int, device: torch.device) -> Tensor:
        return self.position


class PlacedLayerCache:
    """An `AttendingCache`."""

    def __init__(self, kept: Tensor | None, position: Tensor, is_read: Tensor) -> None:
        assert kept is not None
        self.kept, self.position, self.is_read = kept, position, is_read

    def attention(self, qkv: Tensor) -> Tensor:
        """(3, 1, H, 1, D) -> (1, H, 1, D)"""
        qkv = qkv.to(self.kept.dtype)
        self.kept.index_copy_(3, self.position, qkv[1:])
        keys, values = self.kept
        return F.scaled_dot_product_attention(qkv[0], keys, values, attn_mask=self.is_read)
