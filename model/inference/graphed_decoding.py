"""Decoding on a GPU, where to start a kernel takes longer than most of them run."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.accelerate.cuda_graphs import record, warm_up
from model.config import GPTConfig
from model.gpt import GPT
from model.inference.kv_cache import SequenceCache
from model.layers.kit import KITS
from model.layers.meta_init import meta_init
from model.numerics import ResolvedNumerics


class GraphEngine:
    """Gives the logits of the token after the next one of each sequence, with one start of a CUDA graph for
    all kernels.

    A graph repeats what it has recorded at the same addresses, so there is a fixed number of places, and the
    keys and values of a sequence move to a free one. Where none is free a graph of twice as many is recorded,
    which takes as long as a few tokens without it (benchmarks/LOG.md). Each sequence attends to all the room
    of its place, what is not read masked.
    """

    @staticmethod
    def supports(config: GPTConfig, numerics: ResolvedNumerics, device: torch.device) -> bool:
        return device.type == "cuda" and KITS[numerics].has_cache

    def __init__(self, model: GPT) -> None:
        self.model = model
        self.device = model.tok_emb.weight.device
        self.clear()

    def clear(self) -> None:
        """Have no places and no graph."""
        self.places: list[SequenceCache | None] = []
        self.kv = torch.empty(0)
        """(places, L, 2, 1, H, limit, D)"""
        self.inputs = torch.empty(0)
        """(places, 2): of each sequence a token and its position."""
        self.graph: torch.cuda.CUDAGraph | None = None

    def next_logits(self, tokens: Mapping[SequenceCache, int]) -> dict[SequenceCache, Tensor]:
        """The logits (1, V) after a token of each of these sequences, until the next call."""
        for cache in tokens:
            self.place(cache)
        limit = self.model.config.context_length
        # What a place at rest computes is written where its next token will be, and is never read.
        rows = [
            [tokens.get(cache, 0), min(cache.length, limit - 1)] if cache is not None else [0, 0]
            for cache in self.places
        ]
        self.inputs.copy_(torch.tensor(rows))
        if self.graph is None:
            warm_up(self.compute)
            self.graph = record(self.compute)
        self.graph.replay()
        for cache in tokens:
            cache.advance()
        logits = zip(self.places, self.logits.split(1), strict=True)
        return {cache: of_place for cache, of_place in logits if cache is not None and cache in tokens}

    def place(self, cache: SequenceCache) -> None:
        """Move what a sequence has read to a place, if it has none."""
        if cache in self.places:
            return
        if None not in self.places:
            self.make_places(max(1, 2 * len(self.places)), like=cache)
        index = self.places.index(None)
        self.places[index] = cache
        self.move(cache, self.kv[index])

    def make_places(self, number: int, like: SequenceCache) -> None:
        """As many as that, the first of which are for those that have one now."""
        placed = [cache for cache in self.places if cache is not None]
        self.graph = None  # and with it the memory it computes in
        self.kv = like.kv.new_zeros(number, *like.kv.shape)
        self.inputs = torch.zeros(number, 2, dtype=torch.int64, device=self.device)
        self.places = [*placed, *[None] * (number - len(placed))]
        for cache, kv in zip(placed, self.kv, strict=False):
            self.move(cache, kv)

    def move(self, cache: SequenceCache, kv: Tensor) -> None:
        kv.zero_()  # what is masked must be numbers too
        kv[..., : cache.length, :] = cache.kv[..., : cache.length, :]
        cache.move(kv)

    def release(self, cache: SequenceCache, *, goes_on: bool) -> None:
        """Free the place of a sequence; without any there is no graph either."""
        if cache not in self.places:
            return
        if goes_on:
            cache.move(cache.kv.clone())
        self.places[self.places.index(cache)] = None
        if not any(self.places):
            self.clear()

    def compute(self) -> None:
        """The `logits` (places, V) by the inputs."""
        ids, positions = self.inputs.split(1, dim=1)  # (places, 1) each
        room = torch.arange(self.model.config.context_length, device=ids.device)
        is_read = room <= positions  # (places, limit)
        places = zip(self.kv, positions, is_read.split(1), strict=True)
        self.logits = self.model.next_logits(ids, [PlacedCache(*place) for place in places])


class PlacedCache:
    """A `KVCache`: a place (L, 2, 1, H, limit, D), whose next token's position (1,) and mask (1, limit)
    only the GPU knows."""

    def __init__(self, kv: Tensor, position: Tensor, is_read: Tensor) -> None:
        self.position = position
        self.layers = [PlacedLayerCache(of_layer, position, is_read) for of_layer in kv]

    def positions(self, tokens: int, device: torch.device) -> Tensor:
        return self.position


class PlacedLayerCache:
    """A `LayerKVCache`."""

    def __init__(self, kv: Tensor, position: Tensor, is_read: Tensor) -> None:
        self.kv, self.position, self.is_read = kv, position, is_read

    def attention(self, qkv: Tensor) -> Tensor:
        """(3, 1, H, 1, D) -> (1, H, 1, D)"""
        qkv = qkv.to(self.kv.dtype)
        self.kv.index_copy_(3, self.position, qkv[1:])
        keys, values = self.kv
        return F.scaled_dot_product_attention(qkv[0], keys, values, attn_mask=self.is_read)


def with_bfloat16_matrices(model: GPT) -> GPT:
    """A copy whose blocks have their matrices in bfloat16, half of what a token reads; all else is shared.

    A layer in bfloat16 converts its float32 matrix at every use, which for the product of one token is most
    of the work.
    """
    with meta_init():
        copy = GPT(model.config, model.kit)
    copy.load_state_dict(model.state_dict(), assign=True)
    for module in copy.blocks.modules():
        if isinstance(module, nn.Linear):
            for name, parameter in list(module.named_parameters()):
                setattr(module, name, nn.Parameter(parameter.detach().bfloat16(), requires_grad=False))
    return copy.eval()
