"""Bodies of answers that took long to make, kept by their entity tags until others take their place."""

import threading
from collections import OrderedDict

MAX_BYTES = 16 * 2**20
MAX_BODY_BYTES = 2**20
"""Longer ones are not kept."""


class KeptBodies:
    """The last that were made or asked for, up to `max_bytes` together. Safe between threads."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._bodies: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0

    def get(self, etag: str) -> bytes | None:
        with self._lock:
            if etag in self._bodies:
                self._bodies.move_to_end(etag)
            return self._bodies.get(etag)

    def keep(self, etag: str, body: bytes) -> None:
        if len(body) > min(MAX_BODY_BYTES, self._max_bytes):
            return
        with self._lock:
            self._bytes += len(body) - len(self._bodies.pop(etag, b""))
            self._bodies[etag] = body
            while self._bytes > self._max_bytes:
                _, dropped = self._bodies.popitem(last=False)
                self._bytes -= len(dropped)
