"""Whether a service that gives no signs of life answers when it is asked."""

import threading
import time
from collections.abc import Callable

import httpx2

ASK_EVERY_S = 2.0
ANSWER_WITHIN_S = 5.0
SILENCE_LIMIT_S = 30
"""A service that has answered before, and then does not for so long, hangs."""


class Probe:
    """Asks a service again and again, in a thread of its own, so that nobody else waits for the answers.

    answers  asks once, and takes a few seconds at most
    """

    def __init__(self, answers: Callable[[], bool]) -> None:
        self._answers = answers
        self._has_answered = False
        self._failing_since_s: float | None = None
        self._stopped = threading.Event()
        threading.Thread(target=self._run, name="probe", daemon=True).start()

    def close(self) -> None:
        self._stopped.set()

    def find_fault(self) -> str | None:
        """Why the service should be ended, in a sentence; None while it is well, or has yet to start."""
        since_s = self._failing_since_s
        if since_s is None or not self._has_answered:
            return None
        failing_s = time.monotonic() - since_s
        return f"it has not answered for {failing_s:.0f} s" if failing_s > SILENCE_LIMIT_S else None

    def _run(self) -> None:
        while not self._stopped.is_set():
            if self._answers():
                self._has_answered, self._failing_since_s = True, None
            elif self._failing_since_s is None:
                # Counted from the end of the first question in vain: this process may have been stopped for
                # hours in the middle of it.
                self._failing_since_s = time.monotonic()
            self._stopped.wait(ASK_EVERY_S)


def api_answers(url: str) -> bool:
    """Whether the API at `url` says that it is alive."""
    try:
        return httpx2.get(f"{url}/healthz", timeout=ANSWER_WITHIN_S, trust_env=False).status_code == 200
    except httpx2.HTTPError:
        return False
