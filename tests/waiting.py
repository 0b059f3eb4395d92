"""Waiting for a condition, never for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# Long enough for any machine: a wait that takes this long has failed.
PATIENCE_S = 120


def wait_until(condition: Callable[[], T], what: str = "the condition held") -> T:
    """What `condition` returns once that is true; AssertionError after PATIENCE_S."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {PATIENCE_S} s in vain until {what}"
        time.sleep(0.02)
    return found
