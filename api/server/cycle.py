"""One request/response cycle: the WSGI application (PEP 3333) is called with a request, and makes a
response."""

import itertools
import logging
from collections.abc import Callable, Iterable
from contextvars import Context
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol
from wsgiref.types import WSGIApplication, WSGIEnvironment

import structlog

from api.http.disconnects import set_disconnect_check
from api.http.problems import HTTPProblem, internal_error
from api.http.pushed import PushedBody, offer_to_push
from api.monitoring.requests import RequestMeter
from api.server.pools import STREAMS, PoolConfig
from api.server.threads import ThreadPools
from jobs.process.panics import native_panics_as_errors

log = logging.getLogger(__name__)

BUFFERED_BYTES = 1024 * 1024
"""A response up to this length is handed over whole, which frees its thread, however slow its client is."""

STATUSES_WITHOUT_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


@dataclass(frozen=True)
class ResponseHead:
    status: int
    reason: str
    headers: list[tuple[str, str]]

    @property
    def content_length(self) -> int | None:
        return next((int(value) for name, value in self.headers if name.lower() == "content-length"), None)


class ClientDisconnected(Exception):
    """Nobody receives the rest of the response."""


class ResponseWriter(Protocol):
    """Sends a response, for a thread of a pool. What is written after the client has disconnected is
    dropped."""

    def write_response(self, head: ResponseHead, body: bytes) -> None:
        """The whole response; returns before it is sent."""

    def write_head(self, head: ResponseHead) -> None: ...

    def write_chunk(self, chunk: bytes) -> None:
        """Returns when there is room for the next. raises ClientDisconnected"""

    def end(self) -> None: ...

    def write_pushed(self, head: ResponseHead, body: PushedBody) -> None:
        """A response whose body the event loop sends; returns at once."""

    def write_problem(self, problem: HTTPProblem) -> None:
        """In place of any other response."""

    def abort(self) -> None:
        """Close the connection in the middle of the response, so that the client does not take it for
        whole."""


class RequestResponseCycle:
    """
    environ  the request
    pool     in which the application is called
    """

    def __init__(
        self,
        app: WSGIApplication,
        environ: WSGIEnvironment,
        pool: PoolConfig,
        threads: ThreadPools,
        writer: ResponseWriter,
    ) -> None:
        self.environ = environ
        self.pool = pool
        """Whose thread it has at present, or waits for."""
        self.is_disconnected = False
        """Set by the event loop."""
        self._app = app
        self._threads = threads
        self._writer = writer
        self._head: ResponseHead | None = None
        self._meter = RequestMeter(environ)
        self._written: list[bytes] = []
        """By the application, with PEP 3333's old `write` function."""

    def start(self) -> None:
        """Have a thread of the pool call the application. raises  HTTPProblem if it has none"""
        try:
            self._threads.submit(self.pool, self._run)
        except HTTPProblem:
            self._meter.end()  # the connection rejects it
            raise

    def _run(self) -> None:
        """Call the application and send its response.

        Runs in a context of its own, because the thread serves other requests afterwards: the request's id in
        log lines must not stay. A response of great or unknown length goes on in the pool of streams, since
        its client may read it as slowly as it likes.
        """
        if self.pool.drops_disconnected and self.is_disconnected:
            self._writer.abort()
            self._meter.end()
            return
        context = Context()
        chunks = context.run(self._call_application)
        if chunks is None:
            self._meter.end()
            return
        self.pool = STREAMS
        try:
            self._threads.submit(STREAMS, lambda: context.run(self._stream, chunks))
        except HTTPProblem as problem:
            close(chunks)
            self._write_problem(problem)
            self._meter.end()

    def _call_application(self) -> Iterable[bytes] | None:
        """The response's body if it is still to be sent, from the pool of streams; None if all is done."""
        structlog.contextvars.bind_contextvars(request_id=self.environ["HTTP_X_REQUEST_ID"])
        set_disconnect_check(lambda: self.is_disconnected)
        pushed = offer_to_push()
        chunks: Iterable[bytes] = ()
        try:
            with native_panics_as_errors():
                chunks = self._app(self.environ, self._start_response)
                if pushed and self._head is not None and not self._has_no_body(self._head):
                    close(chunks)
                    self._meter.begin_response(self._head.status)
                    self._writer.write_pushed(self._head, pushed[-1])
                    return None
                if self._head is None or not self._is_buffered(self._head):
                    return chunks
                body = b"" if self._has_no_body(self._head) else b"".join([*self._written, *chunks])
                close(chunks)
            self._meter.begin_response(self._head.status)
            self._writer.write_response(self._head, body)
        except Exception:
            log.exception("the application failed")
            self._write_problem(internal_error())
        return None

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        code, _, reason = status.partition(" ")
        self._head = ResponseHead(int(code), reason, list(headers))
        return self._written.append

    def _is_buffered(self, head: ResponseHead) -> bool:
        length = head.content_length
        return self._has_no_body(head) or (length is not None and length <= BUFFERED_BYTES)

    def _has_no_body(self, head: ResponseHead) -> bool:
        return self.environ["REQUEST_METHOD"] == "HEAD" or head.status in STATUSES_WITHOUT_BODY

    def _stream(self, chunks: Iterable[bytes]) -> None:
        """Send the response chunk by chunk, as the application makes them."""
        has_begun = False
        try:
            with native_panics_as_errors():
                for chunk in itertools.chain(chunks, (b"",)):
                    if not has_begun:
                        assert self._head is not None
                        self._meter.begin_response(self._head.status)
                        self._writer.write_head(self._head)
                        has_begun = True
                    for data in filter(None, [*self._written, chunk]):
                        self._writer.write_chunk(data)
                    self._written.clear()
            self._writer.end()
        except ClientDisconnected:
            log.debug("the client has disconnected")
        except Exception:
            log.exception("the application failed in the middle of its response")
            if has_begun:
                self._writer.abort()
            else:
                self._write_problem(internal_error())
        finally:
            close(chunks)
            self._meter.end()

    def _write_problem(self, problem: HTTPProblem) -> None:
        self._meter.begin_response(problem.status)
        self._writer.write_problem(problem)


def close(chunks: Iterable[bytes]) -> None:
    """As PEP 3333 asks of servers, for a response that has been sent or is given up."""
    if hasattr(chunks, "close"):
        chunks.close()
