"""The body of an upload on its way from the event loop, where it arrives, to the thread that reads it."""

import io
import threading
from collections import deque
from collections.abc import Callable

HIGH_WATER_BYTES = 256 * 1024
"""Buffered for a slow reader, at most; the rest waits in the sockets' buffers and with the client."""

Buffer = bytearray | memoryview


class BodyStream(io.RawIOBase):
    """`wsgi.input` of an upload: a file for the one thread that reads it. `feed` and `end` are the event
    loop's.

    request_data  called in the reader's thread when it needs more than has arrived
    """

    def __init__(self, request_data: Callable[[], object]) -> None:
        self._request_data = request_data
        self._pieces: deque[memoryview] = deque()
        self._buffered_bytes = 0
        self._end: Exception | bool = False
        """True: complete. An exception: what the reader gets after what has arrived."""
        self._changed = threading.Condition()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:  # type: ignore[override]
        """Waits for data. raises  the exception that the body ended with, if it is incomplete"""
        with self._changed:
            if not self._pieces and not self._end:
                self._request_data()
                self._changed.wait_for(lambda: self._pieces or self._end)
            if not self._pieces:
                if isinstance(self._end, Exception):
                    raise self._end
                return 0
            piece = self._pieces.popleft()
            size = min(len(buffer), len(piece))
            buffer[:size] = piece[:size]
            if size < len(piece):
                self._pieces.appendleft(piece[size:])
            self._buffered_bytes -= size
            return size

    @property
    def is_full(self) -> bool:
        """Whether no more should be fed until the reader needs more."""
        return self._buffered_bytes >= HIGH_WATER_BYTES

    def feed(self, data: bytes) -> None:
        with self._changed:
            self._pieces.append(memoryview(data))
            self._buffered_bytes += len(data)
            self._changed.notify()

    def end(self, error: Exception | None = None) -> None:
        """Nothing more comes. error: why the body is incomplete. Only the first call counts."""
        with self._changed:
            if not self._end:
                self._end = error or True
            self._changed.notify()
