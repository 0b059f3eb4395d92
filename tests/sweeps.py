"""How far tests go that could go on for ever: few steps in daily work, the whole way before a release."""

from collections.abc import Sequence
from typing import Literal

Reach = Literal["fast", "usual", "whole"]

SHARES: dict[Reach, float] = {"fast": 0.1, "usual": 0.25, "whole": 1}
FEWEST = 3

reach: Reach = "usual"
"""Set from the command line, before any test is imported."""


def examples(whole: int) -> int:
    """How many of `whole` examples a sweep is to try."""
    return min(whole, max(FEWEST, round(SHARES[reach] * whole)))


def thinned(points: Sequence[int]) -> list[int]:
    """All of `points`; in daily work the first, the middle and the last."""
    if reach != "fast":
        return list(points)
    return [points[0], points[len(points) // 2], points[-1]]
