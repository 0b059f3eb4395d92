"""How often somebody may ask: a bucket of requests for each, which fills evenly."""

import threading
import time
from collections.abc import Callable

SECOND_NS = 10**9
MINUTE_NS = 60 * SECOND_NS
SWEEP_AT = 1000


class RequestRates:
    """A bucket of requests for each key: whoever has been silent for long enough may ask for all of them at
    once, and within any time `t` for no more than those and what came in during `t`.

    Of a bucket only the moment is kept at which it will be full, in whole numbers, so that no rounding ever
    refuses a client that has waited for as long as it was told. The moments of full buckets are dropped: they
    are as if they had never been asked. One lock for all is enough, as it is held for a microsecond.

    per_minute  requests that come in
    at_once     requests that a full bucket holds; None: those of a minute
    max_keys    that are remembered; beyond them the one that has asked least recently is forgotten. None: all
    clock       nanoseconds, never backwards
    """

    def __init__(
        self,
        per_minute: int,
        clock: Callable[[], int] = time.monotonic_ns,
        *,
        at_once: int | None = None,
        max_keys: int | None = None,
    ) -> None:
        self._per_minute = per_minute
        self._at_once = per_minute if at_once is None else at_once
        self._max_keys = max_keys
        self._clock = clock
        self._lock = threading.Lock()
        # By key, the least recent first. In nanoseconds times `per_minute`, of which a request takes
        # MINUTE_NS.
        self._full_at: dict[str, int] = {}
        self._sweep_at = SWEEP_AT

    def take(self, key: str) -> int:
        """Take a request out of the bucket; 0, or if it is empty the nanoseconds until it has one."""
        with self._lock:
            now = self._clock() * self._per_minute
            full_at = max(self._full_at.get(key, now), now) + MINUTE_NS
            missing = full_at - (now + self._at_once * MINUTE_NS)
            if missing > 0:
                return -(-missing // self._per_minute)
            self._full_at.pop(key, None)
            self._full_at[key] = full_at
            if len(self._full_at) >= self._sweep_at:
                self._sweep(now)
            if self._max_keys is not None and len(self._full_at) > self._max_keys:
                del self._full_at[next(iter(self._full_at))]
            return 0

    def give_back(self, key: str) -> None:
        """Put a request back that was taken."""
        with self._lock:
            if key in self._full_at:
                self._full_at[key] -= MINUTE_NS

    def _sweep(self, now: int) -> None:
        """As rarely as keeps its cost a constant for each request."""
        self._full_at = {key: full_at for key, full_at in self._full_at.items() if full_at > now}
        self._sweep_at = max(SWEEP_AT, 2 * len(self._full_at))

    def __len__(self) -> int:
        """Keys that are remembered."""
        return len(self._full_at)


def whole_seconds(nanoseconds: int) -> int:
    """Rounded up, as `Retry-After` says them."""
    return -(-nanoseconds // SECOND_NS)
