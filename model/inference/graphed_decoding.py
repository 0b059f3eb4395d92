"""The GPU's fast engine: a decode step as one CUDA graph.

A decode step of a small model is hundreds of kernels, most of which run for less time than the host takes to
launch them. A graph launches all of them at once.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.accelerate.cuda_graphs import capture, warm_up
from model.config import GPTConfig
from model.gpt import GPT
from model.inference.kv_cache import SequenceCache
from model.layers.kit import KITS
from model.layers.meta_init import meta_init
from model.numerics import ResolvedNumerics


class CUDAGraphEngine:
    """An `Engine` with a slot for each sequence.

    A graph replays the same kernels at the same addresses, so it has a fixed number of slots, and a
    sequence's keys and values move to a free one. Where none is free a graph of twice as many slots is
    captured, which takes as long as a few decode steps without a graph (benchmarks/LOG.md). Each sequence
    attends to its whole slot, in which what is not cached is masked: lengths are no part of the graph.
    """

    @staticmethod
    def supports(config: GPTConfig, numerics: ResolvedNumerics, device: torch.device) -> bool:
        return device.type == "cuda" and KITS[numerics].has_cache

    def __init__(self, model: GPT) -> None:
        self.model = model
        self.device = model.tok_emb.weight.device
        self.free_all()

    def free_all(self) -> None:
        """Have no slots and no graph."""
        self.slots: list[SequenceCache | None] = []
        self.kv = torch.empty(0)
        """(slots, L, 2, 1, H, context length, D)"""
        self.inputs = torch.empty(0)
        """(slots, 2): a token and its position."""
        self.graph: torch.cuda.CUDAGraph | None = None

    def next_logits(self, tokens: Mapping[SequenceCache, int]) -> dict[SequenceCache, Tensor]:
        """The logits (1, V) after a token of each of these sequences, until the next call."""
        for cache in tokens:
            self.assign_slot(cache)
        last_position = self.model.config.context_length - 1
        # A slot without a token computes too; its keys and values land where the next token's will be.
        inputs = [
            [tokens.get(cache, 0), min(cache.length, last_position)] if cache is not None else [0, 0]
            for cache in self.slots
        ]
        self.inputs.copy_(torch.tensor(inputs))
        if self.graph is None:
            warm_up(self.compute)
            self.graph = capture(self.compute)
        self.graph.replay()
        for cache in tokens:
            cache.advance()
        logits = zip(self.slots, self.logits.split(1), strict=True)
        return {cache: slot_logits for cache, slot_logits in logits if cache is not None and cache in tokens}

    def assign_slot(self, cache: SequenceCache) -> None:
        """Move what a sequence has cached to a slot, if it has none."""
        if cache in self.slots:
            return
        if None not in self.slots:
            self.allocate_slots(max(1, 2 * len(self.slots)), like=cache)
        index = self.slots.index(None)
        self.slots[index] = cache
        self.move(cache, self.kv[index])

    def allocate_slots(self, count: int, like: SequenceCache) -> None:
        """`count` new slots, the first of which are for the sequences that have one now."""
        placed = [cache for cache in self.slots if cache is not None]
        self.graph = None  # and with it the memory it computes in
        self.kv = like.kv.new_zeros(count, *like.kv.shape)
        self.inputs = torch.zeros(count, 2, dtype=torch.int64, device=self.device)
        self.slots = [*placed, *[None] * (count - len(placed))]
        for cache, kv in zip(placed, self.kv, strict=False):
            self.move(cache, kv)

    def move(self, cache: SequenceCache, kv: Tensor) -> None:
        kv.zero_()  # what is masked must be finite too: 0 times NaN is NaN
        kv[..., : cache.length, :] = cache.kv[..., : cache.length, :]
        cache.relocate(kv)

    def release(self, cache: SequenceCache, *, will_resume: bool) -> None:
        """Free the slot of a sequence; with the last one the graph goes too."""
        if cache not in self.slots:
            return
        if will_resume:
            cache.relocate(cache.kv.clone())
        self.slots[self.slots.index(cache)] = None
        if not any(self.slots):
            self.free_all()

    def compute(self) -> None:
        """`inputs` -> `logits` (slots, V)"""
        ids, positions = self.inputs.split(1, dim=1)  # (slots, 1) each
        key_positions = torch.arange(self.model.config.context_length, device=ids.device)
        is_cached = key_positions <= positions  # (slots, context length)
        slots = zip(self.kv, positions, is_cached.split(1), strict=True)
        self.logits = self.model.next_logits(ids, [SlotCache(*slot) for slot in slots])


class SlotCache:
    """The `KVCache` of a slot.

    kv         (L, 2, 1, H, context length, D)
    position   (1,): of the next token, which only the GPU knows
    is_cached  (1, context length): the attention mask
    """

    def __init__(self, kv: Tensor, position: Tensor, is_cached: Tensor) -> None:
        self.position = position
        self.layers = [SlotLayerCache(layer_kv, position, is_cached) for layer_kv in kv]

    def positions(self, tokens: int, device: torch.device) -> Tensor:
        return self.position


class SlotLayerCache:
    """A `LayerKVCache`."""

    def __init__(self, kv: Tensor, position: Tensor, is_cached: Tensor) -> None:
        self.kv, self.position, self.is_cached = kv, position, is_cached

    def append_and_attend(self, qkv: Tensor) -> Tensor:
        """(3, 1, H, 1, D) -> (1, H, 1, D)"""
        qkv = qkv.to(self.kv.dtype)
        self.kv.index_copy_(3, self.position, qkv[1:])
        keys, values = self.kv  # (1, H, context length, D) each
        return F.scaled_dot_product_attention(qkv[0], keys, values, attn_mask=self.is_cached)


def with_bfloat16_matrices(model: GPT) -> GPT:
    """A copy whose blocks have their matrices in bfloat16, half of the bytes that a token reads; all else is
    shared.

    A layer in bfloat16 casts its float32 matrix at every use, which for the product of one token is most of
    the work.
    """
    with meta_init():
        copy = GPT(model.config, model.kit)
    copy.load_state_dict(model.state_dict(), assign=True)
    for module in copy.blocks.modules():
        if isinstance(module, nn.Linear):
            for name, parameter in list(module.named_parameters()):
                setattr(module, name, nn.Parameter(parameter.detach().bfloat16(), requires_grad=False))
    return copy.eval()
