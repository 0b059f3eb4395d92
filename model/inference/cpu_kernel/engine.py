"""The CPU's fast engine: one compiled function computes a whole decode step, at the speed of the memory.

A decode step multiplies every weight by one token of each sequence, so it takes as long as reading the
weights. PyTorch reads the matrix of a product of one row at two thirds of the memory bandwidth at best, and
spends a quarter of a step on starting some 200 operations. Here each thread computes its share of every
layer in one call, and reads at the full bandwidth (benchmarks/LOG.md).
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.config import GPTConfig
from model.inference.cpu_kernel.barrier import arrival_counters, barrier
from model.inference.cpu_kernel.layers import KVShape, add, attend, gelu, layer_norm
from model.inference.cpu_kernel.linear import linear, njit_in_order
from model.inference.cpu_kernel.weights import Float32, PackedWeights
from model.inference.kv_cache import SequenceCache
from model.numerics import ResolvedNumerics

CPU = torch.device("cpu")
KNOWN_FIELDS = {
    *("vocab_size", "context_length", "emb_dim", "n_heads", "n_layers"),
    *("drop_rate", "qkv_bias", "tie_weights", "initialization"),
}
"""Of `GPTConfig`: those that `decode_step` computes with, or that leave it alone."""


class CPUEngine:
    """An `Engine`. Keys and values stay in the memory of their sequences' caches, so that sequences may come
    and go between any two steps."""

    @staticmethod
    def supports(config: GPTConfig, numerics: ResolvedNumerics, device: torch.device) -> bool:
        # The fields of an architecture that is not computed here differ from their defaults.
        is_known = config.model_dump(exclude_defaults=True).keys() <= KNOWN_FIELDS
        return is_known and device.type == "cpu" and numerics != "reference"

    def __init__(self, weights: PackedWeights, threads: int | None = None) -> None:
        """`threads`: as many as PyTorch's unless given."""
        self.weights = weights
        self.threads = threads or torch.get_num_threads()
        self.pool = ThreadPoolExecutor(max(1, self.threads - 1), thread_name_prefix="decode")
        self.max_sequences = 0
        self.buffers = allocate_buffers(weights, self.max_sequences)

    def next_logits(self, tokens: Mapping[SequenceCache, int]) -> dict[SequenceCache, Tensor]:
        """The logits (1, V) after a token of each of these sequences, until the next call."""
        V = len(self.weights.token_embedding)
        for cache, token in tokens.items():
            cache.positions(1, CPU)  # ValueError if it is full: compiled code checks no bounds
            if not 0 <= token < V:
                raise IndexError(f"there is no token {token} of {V}")
        if len(tokens) > self.max_sequences:
            self.max_sequences = len(tokens)
            self.buffers = allocate_buffers(self.weights, self.max_sequences)
        inputs = np.array([[token, kv_address(cache), cache.length] for cache, token in tokens.items()])
        kv_shape = kv_shape_of(next(iter(tokens)))
        arrivals = arrival_counters(self.threads)

        def compute(thread: int) -> None:
            decode_step(inputs, self.weights, kv_shape, self.buffers, arrivals, thread, self.threads)

        others = [self.pool.submit(compute, thread) for thread in range(1, self.threads)]
        compute(0)
        for other in others:
            other.result()
        for cache in tokens:
            cache.advance()
        logits = torch.from_numpy(self.buffers.logits)[: len(tokens), :V].split(1)
        return dict(zip(tokens, logits, strict=True))

    def release(self, cache: SequenceCache, *, will_resume: bool) -> None:
        """Nothing is kept between two calls."""


def kv_address(cache: SequenceCache) -> int:
    """Address of the keys and values of a sequence whose prefill is done."""
    assert cache.kv.dtype == torch.float32
    assert cache.kv.is_contiguous()
    return cache.kv.data_ptr()


def kv_shape_of(cache: SequenceCache) -> KVShape:
    """The same for all sequences of a model."""
    L, two, _, H, limit, D = cache.kv.shape
    return L, two, H, limit, D


class Buffers(NamedTuple):
    """Activations that threads share, for B sequences, rounded up to a multiple of 4."""

    qkv: Float32
    """(B, 3C)"""
    attn_out: Float32
    """(B, C)"""
    sublayer_out: Float32
    """(B, C): what attention or feed-forward adds to the residual stream."""
    hidden: Float32
    """(B, 4C)"""
    logits: Float32
    """(B, V)"""


def allocate_buffers(weights: PackedWeights, B: int) -> Buffers:
    def zeros(width: int) -> Float32:
        return np.zeros((B + -B % 4, width), np.float32)

    return Buffers(
        qkv=zeros(weights.qkv.scales.shape[1]),
        attn_out=zeros(weights.out.blocks.shape[2]),
        sublayer_out=zeros(weights.out.scales.shape[1]),
        hidden=zeros(weights.up.scales.shape[1]),
        logits=zeros(weights.head.scales.shape[1]),
    )


@njit_in_order
def decode_step(
    inputs: NDArray[np.int64],
    weights: PackedWeights,
    kv_shape: KVShape,
    buffers: Buffers,
    arrivals: NDArray[np.int64],
    thread: int,
    threads: int,
) -> None:
    """One thread's share of the forward pass of one token of each of B sequences; `buffers.logits` is what
    comes of it.

    Threads divide linear layers by outputs and attention by heads, and wait for each other wherever one reads
    what others wrote. All else takes less time than a barrier would, so each thread computes it for itself.

    inputs    (B, 3): of each sequence its token's id, the address of its cached keys and values, and how many
              tokens these are of
    kv_shape  of each sequence's keys and values
    arrivals  counters of the `barrier`, all 0
    """
    B, C = len(inputs), weights.token_embedding.shape[1]
    x = np.empty((B, C), np.float32)  # the residual stream
    normed = np.zeros((B + -B % 4, buffers.attn_out.shape[1]), np.float32)
    for row in range(B):
        token, _, position = inputs[row]
        for i in range(C):
            x[row, i] = weights.token_embedding[token, i] + weights.position_embedding[position, i]
    for layer in range(len(weights.qkv.scales)):
        layer_norm(x, weights.norms[2 * layer], normed)
        linear(normed, B, weights.qkv, layer, buffers.qkv, thread, threads)
        barrier(arrivals, thread)
        attend(buffers.qkv, inputs, kv_shape, layer, buffers.attn_out, thread, threads)
        barrier(arrivals, thread)
        linear(buffers.attn_out, B, weights.out, layer, buffers.sublayer_out, thread, threads)
        barrier(arrivals, thread)
        add(x, buffers.sublayer_out)
        layer_norm(x, weights.norms[2 * layer + 1], normed)
        first, end = linear(normed, B, weights.up, layer, buffers.hidden, thread, threads)
        for row in range(B):
            gelu(buffers.hidden[row, first:end])
        barrier(arrivals, thread)
        linear(buffers.hidden, B, weights.down, layer, buffers.sublayer_out, thread, threads)
        barrier(arrivals, thread)
        add(x, buffers.sublayer_out)
    layer_norm(x, weights.norms[-1], normed)
    linear(normed, B, weights.head, len(weights.head.scales) - 1, buffers.logits, thread, threads)
