"""A liveness probe, for a service that sends no heartbeat."""

import threading
import time
from collections.abc import Callable

import httpx2

INTERVAL_S = 2.0
TIMEOUT_S = 5.0
"""Of one request."""
HUNG_S = 30
"""A service that has responded before and then does not for so long hangs."""


class Probe:
    """Asks a service again and again, in a thread of its own.

    responds  asks once; takes a few seconds at most
    """

    def __init__(self, responds: Callable[[], bool]) -> None:
        self._responds = responds
        self._has_responded = False
        self._failing_since_s: float | None = None
        self._stopped = threading.Event()
        threading.Thread(target=self._run, name="probe", daemon=True).start()

    def close(self) -> None:
        self._stopped.set()

    def find_fault(self) -> str | None:
        """Why the service should be killed, in a sentence; None while it responds, or has yet to start."""
        since_s = self._failing_since_s
        if since_s is None or not self._has_responded:
            return None
        failing_s = time.monotonic() - since_s
        return f"it has not answered for {failing_s:.0f} s" if failing_s > HUNG_S else None

    def _run(self) -> None:
        while not self._stopped.is_set():
            if self._responds():
                self._has_responded, self._failing_since_s = True, None
            elif self._failing_since_s is None:
                # Counted from the end of the first failed request: this process may have been suspended for
                # hours in the middle of it.
                self._failing_since_s = time.monotonic()
            self._stopped.wait(INTERVAL_S)


def ask(url: str) -> httpx2.Response:
    """The answer of a service of this machine, which speaks plain HTTP: no proxy is asked, no certificates
    are read, which takes thirty times as long as such a request (benchmarks/LOG.md).

    raises  httpx2.HTTPError
    """
    return httpx2.get(url, timeout=TIMEOUT_S, trust_env=False, verify=False)


def api_responds(url: str) -> bool:
    """Whether the API at `url` responds to GET /healthz."""
    try:
        return ask(f"{url}/healthz").status_code == 200
    except httpx2.HTTPError:
        return False
