"""Decoding on the CPU, where a token waits for the memory: one compiled function reads all weights once."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model.cache import Cache
from model.token_layers import add, attend, gelu, layer_norm
from model.token_products import compiled, product
from model.token_threads import arrivals, meet
from model.token_weights import Float32, TokenWeights

CPU = torch.device("cpu")


class TokenKernel:
    """Gives the scores of the token after the next one of each row.

    PyTorch reads the matrices of a row at two thirds of the memory's rate at best, and a token is some 200
    operations to it, for a quarter of its time. Here threads go through the whole of it, each with its share
    of every product, and read at the memory's rate (benchmarks/LOG.md).
    """

    def __init__(self, weights: TokenWeights, caches: Sequence[Cache], threads: int | None = None) -> None:
        """`caches`, one of each row, have taken in a token at least. `threads` are PyTorch's unless given."""
        self.weights = weights
        self.threads = threads or torch.get_num_threads()
        self.others = ThreadPoolExecutor(max(1, self.threads - 1), thread_name_prefix="token")
        self.places = {cache: place for place, cache in enumerate(caches)}
        self.kept = gathered(caches)
        self.passed = make_passed(weights, len(caches))

    def next_logits(self, tokens: Mapping[Cache, int]) -> dict[Cache, Tensor]:
        """The scores (1, V) after a token of each of these rows, until the next call. The others rest."""
        V = len(self.weights.token_embedding)
        for cache, token in tokens.items():
            cache.positions(1, CPU)  # ValueError without a place for it: compiled code would not notice
            if not 0 <= token < V:
                raise IndexError(f"there is no token {token} of {V}")
        rows = np.array([[token, self.places[cache], cache.length] for cache, token in tokens.items()])
        arrived = arrivals(self.threads)

        def compute(thread: int) -> None:
            one_token(rows, self.weights, self.kept, self.passed, arrived, thread, self.threads)

        others = [self.others.submit(compute, thread) for thread in range(1, self.threads)]
        compute(0)
        for other in others:
            other.result()
        for cache in tokens:
            cache.advance()
        scores = torch.from_numpy(self.passed.logits)[: len(tokens), :V].split(1)
        return dict(zip(tokens, scores, strict=True))


class Passed(NamedTuple):
    """What the threads hand each other, of R rows."""

    qkv: Float32
    """(R, 3C)"""
    mixed: Float32
    """(R, C), by attention."""
    change: Float32
    """(R, C), to the residual stream."""
    hidden: Float32
    """(R, 4C)"""
    logits: Float32
    """(R, V)"""


def make_passed(weights: TokenWeights, rows: int) -> Passed:
    """For up to `rows` rows."""

    def room(width: int) -> Float32:
        return np.zeros((rows + -rows % 4, width), np.float32)

    return Passed(
        qkv=room(weights.qkv.scales.shape[1]),
        mixed=room(weights.out.blocks.shape[2]),
        change=room(weights.out.scales.shape[1]),
        hidden=room(weights.up.scales.shape[1]),
        logits=room(weights.head.scales.shape[1]),
    )


def gathered(caches: Sequence[Cache]) -> Float32:
    """The keys and values of all rows in one array, (rows, L, 2, H, limit, D) float32, in which their caches
    keep them from now on."""
    first = caches[0].layers[0].kept
    assert first is not None
    kept = torch.empty(len(caches), len(caches[0].layers), *first.shape)  # (rows, L, 2, 1, H, limit, D)
    for row, cache in zip(kept, caches, strict=True):
        for place, layer in zip(row, cache.layers, strict=True):
            assert layer.kept is not None
            place[..., : layer.length, :] = layer.kept[..., : layer.length, :]
            layer.kept = place
    return kept.squeeze(3).numpy()


@compiled
def one_token(
    of_rows: NDArray[np.int64],
    weights: TokenWeights,
    kept: Float32,
    passed: Passed,
    arrived: NDArray[np.int64],
    thread: int,
    threads: int,
) -> None:
    """One thread's share of a token of each row: (R, 3), its id, the row's place in `kept` and how many
    tokens it has before. What is neither a product nor attention every thread computes for itself."""
    rows, C = len(of_rows), weights.token_embedding.shape[1]
    x = np.empty((rows, C), np.float32)
    normed = np.zeros((rows + -rows % 4, passed.mixed.shape[1]), np.float32)
    for row in range(rows):
        token, _, position = of_rows[row]
        for i in range(C):
            x[row, i] = weights.token_embedding[token, i] + weights.position_embedding[position, i]
    for layer in range(len(weights.qkv.scales)):
        layer_norm(x, weights.norms[2 * layer], normed)
        product(normed, rows, weights.qkv, layer, passed.qkv, thread, threads)
        meet(arrived, thread)
        attend(passed.qkv, of_rows, kept, layer, passed.mixed, thread, threads)
        meet(arrived, thread)
        product(passed.mixed, rows, weights.out, layer, passed.change, thread, threads)
        meet(arrived, thread)
        add(x, passed.change)
        layer_norm(x, weights.norms[2 * layer + 1], normed)
        first, end = product(normed, rows, weights.up, layer, passed.hidden, thread, threads)
        for row in range(rows):
            gelu(passed.hidden[row, first:end])
        meet(arrived, thread)
        product(passed.hidden, rows, weights.down, layer, passed.change, thread, threads)
        meet(arrived, thread)
        add(x, passed.change)
    layer_norm(x, weights.norms[-1], normed)
    product(normed, rows, weights.head, len(weights.head.scales) - 1, passed.logits, thread, threads)
