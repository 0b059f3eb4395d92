"""Random numbers of which each can be had without those before it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]

STEP = np.uint64(0x9E3779B97F4A7C15)
MIXED_BY = (
    (np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)),
    (np.uint64(27), np.uint64(0x94D049BB133111EB)),
)


def words(seed: int, places: NDArray[Any]) -> Words:
    """Of the 64-bit numbers that SplitMix64 makes of `seed`, those at `places` (N,), from 0.
    Source: Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators"."""
    mixed = places.astype(np.uint64)
    mixed += np.uint64(1)
    mixed *= STEP
    mixed += np.uint64(seed % 2**64)
    for shift, factor in MIXED_BY:
        mixed ^= mixed >> shift
        mixed *= factor
    return mixed ^ (mixed >> np.uint64(31))


def uniforms(seed: int, places: NDArray[Any]) -> NDArray[np.float64]:
    """Those numbers between 0 and 1, neither included."""
    return ((words(seed, places) >> np.uint64(12)).astype(np.float64) + 0.5) * 2**-52
