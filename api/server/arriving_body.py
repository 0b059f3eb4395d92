"""A request's body on its way from the event loop, where it arrives, to the thread that reads it."""

import io
import threading
from collections import deque
from collections.abc import Callable

HIGH_WATER_BYTES = 256 * 1024
"""So much is held of a body that its reader is slower than; the rest waits in the client's network."""

Buffer = bytearray | memoryview


class ArrivingBody(io.RawIOBase):
    """The reader's side is a file, for one thread. The other side belongs to the event loop.

    on_wanted  called from the reader's thread when it needs more than has arrived
    """

    def __init__(self, on_wanted: Callable[[], object]) -> None:
        self._on_wanted = on_wanted
        self._pieces: deque[memoryview] = deque()
        self._held_bytes = 0
        self._end: Exception | bool = False
        """True: complete. An exception: what the reader gets after what has arrived."""
        self._changed = threading.Condition()

    def readable(self) -> bool:
        return True

    def readinto(self, into: Buffer) -> int:  # type: ignore[override]
        """raises whatever the body ended with before it was complete"""
        with self._changed:
            if not self._pieces and not self._end:
                self._on_wanted()
                self._changed.wait_for(lambda: self._pieces or self._end)
            if not self._pieces:
                if isinstance(self._end, Exception):
                    raise self._end
                return 0
            piece = self._pieces.popleft()
            taken = min(len(into), len(piece))
            into[:taken] = piece[:taken]
            if taken < len(piece):
                self._pieces.appendleft(piece[taken:])
            self._held_bytes -= taken
            return taken

    @property
    def is_full(self) -> bool:
        """Whether no more should be fed until more is wanted."""
        return self._held_bytes >= HIGH_WATER_BYTES

    def feed(self, piece: bytes) -> None:
        with self._changed:
            self._pieces.append(memoryview(piece))
            self._held_bytes += len(piece)
            self._changed.notify()

    def end(self, reason: Exception | None = None) -> None:
        """Nothing more comes. reason: why the body is not complete. Only the first end counts."""
        with self._changed:
            if not self._end:
                self._end = reason or True
            self._changed.notify()
