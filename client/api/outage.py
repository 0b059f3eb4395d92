"""A service that does not answer for a while, as when it is restarted."""

from collections.abc import Callable

from client.errors import ApiError, Unreachable

RECONNECT_S = 0.5
"""Before the next request."""

Clock = Callable[[], float]
Sleep = Callable[[float], object]


class Outage:
    """What has lasted since the first request that failed.

    limit_s  after which it is given up
    """

    def __init__(self, limit_s: float, clock: Clock) -> None:
        self._limit_s = limit_s
        self._clock = clock
        self._since_s: float | None = None

    def pause_s(self, error: Unreachable | ApiError) -> float:
        """Seconds to wait before the next request: what the service asked for, if it did.

        raises  `error` if it is an answer that will not change, or this has lasted for too long
        """
        if isinstance(error, ApiError) and error.status < 500:
            raise error
        if self._since_s is None:
            self._since_s = self._clock()
        if self._clock() - self._since_s > self._limit_s:
            raise error
        asked_s = error.retry_after_s if isinstance(error, ApiError) else None
        return min(asked_s, self._limit_s / 2) if asked_s else RECONNECT_S

    def end(self) -> None:
        self._since_s = None
