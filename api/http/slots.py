"""How many of a kind of request each token may have at once."""

import threading
from collections import Counter


class Slots:
    """
    at_once  that each key may hold
    """

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()

    def take(self, key: str) -> bool:
        """Whether there was one; then it is to be given back."""
        with self._lock:
            if self._held[key] >= self._at_once:
                return False
            self._held[key] += 1
            return True

    def give_back(self, key: str) -> None:
        with self._lock:
            self._held[key] -= 1
            if not self._held[key]:
                del self._held[key]

    def __len__(self) -> int:
        """Keys that hold any."""
        return len(self._held)
