"""Waiting for a condition, never for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

# Long enough for any machine: a wait that takes this long has failed.
PATIENCE_S = 300

SOONEST_S, LATEST_S = 0.01, 0.1
"""Between two looks: the longer it has been waited for, the less often. To look costs a core as well."""


def wait_until(condition: Callable[[], T], what: str = "the condition held") -> T:
    """What `condition` returns once that is true; AssertionError after PATIENCE_S."""
    deadline = time.monotonic() + PATIENCE_S
    pause_s = SOONEST_S
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {PATIENCE_S} s in vain until {what}"
        time.sleep(pause_s)
        pause_s = min(LATEST_S, 1.2 * pause_s)
    return found
