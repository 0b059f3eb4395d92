"""Flask's request, which refuses a chunked body that is too long instead of cutting it."""

import io
from typing import IO, cast

import flask
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.utils import cached_property


class Request(flask.Request):
    @cached_property
    def stream(self) -> IO[bytes]:
        """Without a Content-Length, Werkzeug's own ends at `max_content_length` as if the body ended
        there."""
        body = super().stream
        if self.content_length is None and self.max_content_length is not None:
            return cast(IO[bytes], BoundedBody(self.environ["wsgi.input"], self.max_content_length))
        return body


class BoundedBody(io.RawIOBase):
    """A body of unknown length, of which no more than `max_bytes` are read.

    source  ends where the body ends
    """

    def __init__(self, source: IO[bytes], max_bytes: int) -> None:
        self._source = source
        self._left_bytes = max_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """raises  RequestEntityTooLarge (413)"""
        data = self._source.read(min(len(buffer), self._left_bytes + 1))
        self._left_bytes -= len(data)
        if self._left_bytes < 0:
            raise RequestEntityTooLarge
        buffer[: len(data)] = data
        return len(data)
