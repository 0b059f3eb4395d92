"""Flask's request, which refuses too long a body of unknown length instead of cutting it."""

import io
from typing import IO, cast

import flask
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.utils import cached_property


class Request(flask.Request):
    @cached_property
    def stream(self) -> IO[bytes]:
        """Without a Content-Length, Werkzeug's own ends at `max_content_length` as if the body did."""
        body = super().stream
        if self.content_length is None and self.max_content_length is not None:
            return cast(IO[bytes], BoundedBody(self.environ["wsgi.input"], self.max_content_length))
        return body


class BoundedBody(io.RawIOBase):
    """A body of unknown length, of which no more is read than is allowed.

    source  ends where the body ends
    """

    def __init__(self, source: IO[bytes], most_bytes: int) -> None:
        self._source = source
        self._left_bytes = most_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, into: bytearray | memoryview) -> int:  # type: ignore[override]
        """raises RequestEntityTooLarge (413)"""
        piece = self._source.read(min(len(into), self._left_bytes + 1))
        self._left_bytes -= len(piece)
        if self._left_bytes < 0:
            raise RequestEntityTooLarge
        into[: len(piece)] = piece
        return len(piece)
