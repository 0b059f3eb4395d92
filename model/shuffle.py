"""In which order an epoch, or an evaluation, takes the windows.

`reference` draws every seed from the global generator as the lecture's DataLoaders do. The other modes derive
it from the run's seed and the number of the epoch or step, so that a resumed run needs no draws of the past.
"""

import hashlib
from typing import Protocol

import torch
from torch import Tensor

from model.numerics import ResolvedNumerics

PARTIAL_SHARE = 32
"""Up to n / 32 numbers a partial shuffle is faster than a whole one, and smaller: it keeps its swaps in a
dictionary."""

RANDPERM_32_BITS = (2**32 - 1) // 20
"""From this n on `torch.randperm` draws 64 bits a swap and shuffles another way, in which the first numbers
depend on the last draws."""


def permutation(n: int, seed: int, count: int | None = None) -> Tensor:
    """(count,) int32 or int64: the first `count` of `torch.randperm(n)`, all by default.

    From a generator of its own on the CPU: the same on every device. Takes the time of `count` if that is a
    small part of `n`, up to n of 214 million.
    """
    count = n if count is None else min(count, n)
    if n < RANDPERM_32_BITS and count * PARTIAL_SHARE <= n:
        return partial_shuffle(n, draw_32_bits(seed, count))
    dtype = torch.int32 if n < 2**31 else torch.int64  # the same numbers in half the memory
    whole = torch.randperm(n, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    return whole if count == n else whole[:count].clone()


def subset(n: int, seed: int, count: int) -> Tensor:
    """(count,) int64: different numbers from 0 to n - 1, in the time of `count` however large `n` is: the
    first of `permutation` wherever that can be."""
    if n < RANDPERM_32_BITS:
        return permutation(n, seed, count)
    return partial_shuffle(n, draw_64_bits(seed, min(count, n)) >> 1 & 2**63 - 1)


def partial_shuffle(n: int, draws: Tensor) -> Tensor:
    """(N,) int64: the first N of 0 to n - 1 after N swaps of Fisher and Yates, each with the number that a
    draw chooses among those left. `draws` (N,) int64, none below 0."""
    steps = torch.arange(len(draws))
    swapped: dict[int, int] = {}
    first = []
    for step, chosen in enumerate((steps + draws % (n - steps)).tolist()):
        first.append(swapped.get(chosen, chosen))
        swapped[chosen] = swapped.get(step, step)
    return torch.tensor(first, dtype=torch.int64)


def draw_32_bits(seed: int, count: int) -> Tensor:
    """(count,) int64: the first numbers, 0 to 2**32 - 1, of PyTorch's generator on the CPU."""
    pairs = draw_64_bits(seed, -(-count // 2))
    return torch.stack([pairs >> 32 & 2**32 - 1, pairs & 2**32 - 1], dim=1).flatten()[:count]


def draw_64_bits(seed: int, count: int) -> Tensor:
    """(count,) int64, any of them: each is two numbers of the generator, the first one above the second."""
    generator = torch.Generator().manual_seed(seed)
    return torch.empty(count, dtype=torch.int64).random_(-(2**63), None, generator=generator)


class ShuffleSeeds(Protocol):
    def of_epoch(self, epoch: int) -> int:
        """Seed of the order in which an epoch takes the training windows."""

    def of_evaluation(self, step: int) -> int:
        """Seed of the order whose first batches measure the training loss after `step`."""

    def start_validation(self) -> None:
        """The validation windows are about to be read, in their own order, for an evaluation."""


class DerivedShuffleSeeds:
    """Seeds that follow from the run's seed and the number of the epoch or step alone.

    An epoch's is the one of its number among those that a generator of the run's seed gives.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def of_epoch(self, epoch: int) -> int:
        generator = torch.Generator().manual_seed(self.seed)
        return int(torch.empty(epoch, dtype=torch.int64).random_(generator=generator)[-1])

    def of_evaluation(self, step: int) -> int:
        return derived_seed(self.seed, f"evaluation {step}")

    def start_validation(self) -> None:
        pass


class LectureShuffleSeeds:
    """Seeds drawn from the global generator exactly as the lecture's DataLoaders draw them.

    Each time a DataLoader's iterator starts it draws a base seed (for worker processes, of which there are
    none), and its sampler, if it shuffles, the seed of the permutation. The lecture iterates over both
    loaders in every evaluation too, so all of these draws move the dropout that follows.
    """

    def of_epoch(self, epoch: int) -> int:
        draw_seed()
        return draw_seed()

    def of_evaluation(self, step: int) -> int:
        draw_seed()
        return draw_seed()

    def start_validation(self) -> None:
        draw_seed()


def draw_seed(generator: torch.Generator | None = None) -> int:
    """An int64 of `generator` (None: the global one), as DataLoader and RandomSampler draw theirs."""
    return int(torch.empty((), dtype=torch.int64).random_(generator=generator))


def shuffle_seeds_for(numerics: ResolvedNumerics, seed: int) -> ShuffleSeeds:
    return LectureShuffleSeeds() if numerics == "reference" else DerivedShuffleSeeds(seed)


def derived_seed(seed: int, purpose: str) -> int:
    """A seed below 2**63 that differs for every `seed` and `purpose`."""
    return int.from_bytes(hashlib.sha256(f"{seed} {purpose}".encode()).digest()[:8]) >> 1
