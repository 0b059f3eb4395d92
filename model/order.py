"""In which order an epoch, or an evaluation, takes the windows.

An order is a permutation that follows from a seed, so a checkpoint keeps the running epoch's seed and its
position in the epoch, and no list. Where the seeds come from is what the two classes differ in.
"""

import hashlib
from typing import Protocol

import torch
from torch import Tensor

from model.numerics import ResolvedNumerics


def permutation(n: int, seed: int) -> Tensor:
    """(n,) int64: 0 to n - 1 shuffled, from a generator of its own on the CPU: the same on every device."""
    return torch.randperm(n, generator=torch.Generator().manual_seed(seed))


class Orders(Protocol):
    def of_epoch(self, epoch: int) -> int:
        """Seed of the order in which an epoch takes the training windows."""

    def of_evaluation(self, step: int) -> int:
        """Seed of the order whose first batches measure the training loss after `step`."""

    def start_validation(self) -> None:
        """The validation windows are about to be read, in their own order, for an evaluation."""


class SeededOrders:
    """Seeds that follow from the run's seed and the number of the epoch or step alone.

    An epoch's is the one of its number among those that a generator of the run's seed gives.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def of_epoch(self, epoch: int) -> int:
        generator = torch.Generator().manual_seed(self.seed)
        return [draw_seed(generator) for _ in range(epoch)][-1]

    def of_evaluation(self, step: int) -> int:
        return derived_seed(self.seed, f"evaluation {step}")

    def start_validation(self) -> None:
        pass


class LectureOrders:
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


def orders_for(numerics: ResolvedNumerics, seed: int) -> Orders:
    return LectureOrders() if numerics == "reference" else SeededOrders(seed)


def derived_seed(seed: int, purpose: str) -> int:
    """A seed below 2**63 that differs for every `seed` and `purpose`."""
    return int.from_bytes(hashlib.sha256(f"{seed} {purpose}".encode()).digest()[:8]) >> 1
