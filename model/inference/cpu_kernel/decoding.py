"""Decoding on the CPU, where a token waits for the memory: one compiled function reads all weights once."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.config import GPTConfig
from model.inference.cpu_kernel.layers import KVShape, add, attend, gelu, layer_norm
from model.inference.cpu_kernel.products import compiled, product
from model.inference.cpu_kernel.threads import arrivals, meet
from model.inference.cpu_kernel.weights import Float32, TokenWeights
from model.inference.kv_cache import SequenceCache
from model.numerics import ResolvedNumerics

CPU = torch.device("cpu")


class CPUEngine:
    """Gives the logits of the token after the next one of each sequence.

    PyTorch reads the matrices of a row at two thirds of the memory's rate at best, and a token is some 200
    operations to it, for a quarter of its time. Here threads go through the whole of it, each with its share
    of every product, and read at the memory's rate (benchmarks/LOG.md). Keys and values stay in the memory of
    their caches, so that sequences come and go as they like.
    """

    @staticmethod
    def supports(config: GPTConfig, numerics: ResolvedNumerics, device: torch.device) -> bool:
        return device.type == "cpu" and numerics != "reference"

    def __init__(self, weights: TokenWeights, threads: int | None = None) -> None:
        """`threads` are PyTorch's unless given."""
        self.weights = weights
        self.threads = threads or torch.get_num_threads()
        self.others = ThreadPoolExecutor(max(1, self.threads - 1), thread_name_prefix="token")
        self.rows = 0
        self.buffers = make_buffers(weights, self.rows)

    def next_logits(self, tokens: Mapping[SequenceCache, int]) -> dict[SequenceCache, Tensor]:
        """The logits (1, V) after a token of each of these sequences, until the next call."""
        V = len(self.weights.token_embedding)
        for cache, token in tokens.items():
            cache.positions(1, CPU)  # ValueError without room for it: compiled code would not notice
            if not 0 <= token < V:
                raise IndexError(f"there is no token {token} of {V}")
        if len(tokens) > self.rows:
            self.rows = len(tokens)
            self.buffers = make_buffers(self.weights, self.rows)
        inputs = np.array([[token, address_of(cache), cache.length] for cache, token in tokens.items()])
        kv_shape = shape_of(next(iter(tokens)))
        arrived = arrivals(self.threads)

        def compute(thread: int) -> None:
            one_token(inputs, self.weights, kv_shape, self.buffers, arrived, thread, self.threads)

        others = [self.others.submit(compute, thread) for thread in range(1, self.threads)]
        compute(0)
        for other in others:
            other.result()
        for cache in tokens:
            cache.advance()
        logits = torch.from_numpy(self.buffers.logits)[: len(tokens), :V].split(1)
        return dict(zip(tokens, logits, strict=True))

    def release(self, cache: SequenceCache, *, goes_on: bool) -> None:
        """Nothing is kept between two calls."""


def address_of(cache: SequenceCache) -> int:
    """Where the keys and values lie of a sequence that has begun."""
    assert cache.kv.dtype == torch.float32
    assert cache.kv.is_contiguous()
    return cache.kv.data_ptr()


def shape_of(cache: SequenceCache) -> KVShape:
    """(L, 2, H, limit, D), the same for all of a model."""
    L, two, _, H, limit, D = cache.kv.shape
    return L, two, H, limit, D


class Buffers(NamedTuple):
    """What the threads hand each other, of R rows."""

    qkv: Float32
    """(R, 3C)"""
    attn_out: Float32
    """(R, C)"""
    change: Float32
    """(R, C), to the residual stream."""
    hidden: Float32
    """(R, 4C)"""
    logits: Float32
    """(R, V)"""


def make_buffers(weights: TokenWeights, rows: int) -> Buffers:
    """For up to `rows` rows."""

    def room(width: int) -> Float32:
        return np.zeros((rows + -rows % 4, width), np.float32)

    return Buffers(
        qkv=room(weights.qkv.scales.shape[1]),
        attn_out=room(weights.out.blocks.shape[2]),
        change=room(weights.out.scales.shape[1]),
        hidden=room(weights.up.scales.shape[1]),
        logits=room(weights.head.scales.shape[1]),
    )


@compiled
def one_token(
    inputs: NDArray[np.int64],
    weights: TokenWeights,
    kv_shape: KVShape,
    buffers: Buffers,
    arrived: NDArray[np.int64],
    thread: int,
    threads: int,
) -> None:
    """One thread's share of a token of each sequence: (R, 3), its id, the address of the sequence's keys and
    values, of `kv_shape`, and how many tokens it has before. What is neither a product nor attention every
    thread computes for itself."""
    rows, C = len(inputs), weights.token_embedding.shape[1]
    x = np.empty((rows, C), np.float32)
    normed = np.zeros((rows + -rows % 4, buffers.attn_out.shape[1]), np.float32)
    for row in range(rows):
        token, _, position = inputs[row]
        for i in range(C):
            x[row, i] = weights.token_embedding[token, i] + weights.position_embedding[position, i]
    for layer in range(len(weights.qkv.scales)):
        layer_norm(x, weights.norms[2 * layer], normed)
        product(normed, rows, weights.qkv, layer, buffers.qkv, thread, threads)
        meet(arrived, thread)
        attend(buffers.qkv, inputs, kv_shape, layer, buffers.attn_out, thread, threads)
        meet(arrived, thread)
        product(buffers.attn_out, rows, weights.out, layer, buffers.change, thread, threads)
        meet(arrived, thread)
        add(x, buffers.change)
        layer_norm(x, weights.norms[2 * layer + 1], normed)
        first, end = product(normed, rows, weights.up, layer, buffers.hidden, thread, threads)
        for row in range(rows):
            gelu(buffers.hidden[row, first:end])
        meet(arrived, thread)
        product(buffers.hidden, rows, weights.down, layer, buffers.change, thread, threads)
        meet(arrived, thread)
        add(x, buffers.change)
    layer_norm(x, weights.norms[-1], normed)
    product(normed, rows, weights.head, len(weights.head.scales) - 1, buffers.logits, thread, threads)
