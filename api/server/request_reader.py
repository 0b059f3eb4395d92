"""Requests as they arrive on a connection: bytes become heads and bodies, within the limits. h11 speaks
HTTP/1.1."""

import asyncio
import io
from contextlib import suppress
from enum import Enum, auto
from http import HTTPStatus
from typing import BinaryIO, Protocol, cast

import h11

from api.http.headers import choose_request_id
from api.http.problems import HTTPProblem, unavailable
from api.server.body_stream import BodyStream
from api.server.environ import RequestHead, parse_head
from api.server.pools import PoolConfig
from api.server.rejections import (
    body_too_large,
    check_head,
    head_too_large,
    incomplete_body,
    incomplete_head,
    malformed_chunks,
    not_http,
    request_line_too_long,
    timeout,
)
from api.server.state import ServerState

MAX_PIPELINED_BYTES = 64 * 1024
"""That may arrive of further requests while one is being answered."""

EVENTS_PER_TURN = 32
"""Of one connection, before the event loop turns to others. What arrives at once can be tens of thousands of
chunks."""


class Phase(Enum):
    IDLE = auto()
    """Nothing of a request has arrived yet."""
    HEAD = auto()
    BODY = auto()
    COMPLETE = auto()


class RequestHandler(Protocol):
    """What becomes of the requests: the connection."""

    @property
    def is_open(self) -> bool:
        """Whether anything that arrives is still of interest."""

    def start_cycle(
        self, head: RequestHead, body: BinaryIO, content_length: int | None, pool: PoolConfig
    ) -> None:
        """Have the request answered. raises  HTTPProblem if the pool has no thread"""

    def reject(self, problem: HTTPProblem) -> None: ...

    def send(self, event: h11.Event) -> None: ...

    def close(self) -> None: ...


class RequestReader:
    """Reads the requests of one connection, one after the other. In the event loop."""

    def __init__(
        self,
        http: h11.Connection,
        transport: asyncio.Transport,
        handler: RequestHandler,
        server: ServerState,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._http = http
        self._transport = transport
        self._handler = handler
        self._server = server
        self._limits = server.limits
        self._loop = loop
        self._deadline: float | None = None
        self.has_eof = False
        """The client sends no more. It may still read."""
        self._body = bytearray()
        self._body_stream: BodyStream | None = None
        """In place of `_body`, where the view reads the body as it comes."""
        self._interval_bytes = 0
        """Of the body, since its deadline was set."""
        self._continues_next_turn = False
        self.start_next()

    def start_next(self) -> None:
        """Wait for the next request, of which a part may have arrived already."""
        self.head: RequestHead | None = None
        self.request_id = choose_request_id("")
        self._pipelined_bytes = 0
        arrived, _ = self._http.trailing_data
        if arrived:
            self._enter(Phase.HEAD, self._limits.head_s)
        else:
            self._enter(Phase.IDLE, self._limits.idle_s)

    @property
    def has_partial_request(self) -> bool:
        return self._phase in (Phase.HEAD, Phase.BODY)

    def _enter(self, phase: Phase, timeout_s: float | None = None) -> None:
        self._phase = phase
        self._deadline = None if timeout_s is None else self._loop.time() + timeout_s

    # Called by the connection

    def receive(self, data: bytes) -> None:
        self._http.receive_data(data)
        if self._phase is Phase.IDLE:
            self._enter(Phase.HEAD, self._limits.head_s)
        elif self._http.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._pipelined_bytes += len(data)
            if self._pipelined_bytes > MAX_PIPELINED_BYTES:
                self._transport.pause_reading()
        self.read()

    def receive_eof(self) -> None:
        self.has_eof = True
        self._http.receive_data(b"")
        self.read()

    def check_timeout(self, now: float) -> None:
        if self._deadline is None or now < self._deadline:
            return
        if self._phase is Phase.IDLE:
            self._handler.close()
        else:
            self._fail(timeout("head" if self._phase is Phase.HEAD else "body"))

    def discard_body(self, reason: HTTPProblem) -> None:
        """Let go of the body: the request's cycle is over, or the connection is.

        reason  what the view gets if it still reads the body
        """
        if self._body_stream:
            self._body_stream.end(reason)
            self._body_stream = None
        self._server.bodies.release(len(self._body))
        self._body = bytearray()

    def read(self) -> None:
        """Take what has arrived, as far as it can be used now; much of it in several turns of the loop."""
        for _ in range(EVENTS_PER_TURN):
            if not self._wants_events or not self._take_event():
                return
        if self._wants_events and not self._continues_next_turn:
            self._continues_next_turn = True
            self._transport.pause_reading()
            self._loop.call_soon(self._continue)

    # Events of h11

    def _continue(self) -> None:
        self._continues_next_turn = False
        self.read()
        if not (self._continues_next_turn or (self._body_stream and self._body_stream.is_full)):
            self._transport.resume_reading()

    @property
    def _wants_events(self) -> bool:
        return self._handler.is_open and self._http.their_state in (h11.IDLE, h11.SEND_BODY)

    def _take_event(self) -> bool:
        """Whether there was one."""
        in_body = self._http.their_state is h11.SEND_BODY
        try:
            event = self._http.next_event()
            if isinstance(event, h11.Request):
                self._take_head(event)
            elif isinstance(event, h11.Data):
                self._take_data(event.data)
            elif isinstance(event, h11.EndOfMessage):
                self._take_end()
            elif isinstance(event, h11.ConnectionClosed):
                self._handler.close()
            else:
                return False
        except h11.RemoteProtocolError as error:
            self._fail(self._malformed_body(error) if in_body else self._malformed_head(error))
        except HTTPProblem as problem:
            self._fail(problem)
        return True

    def _take_head(self, request: h11.Request) -> None:
        """raises  HTTPProblem if the request can't be served, whatever it asks for"""
        self.head = head = parse_head(request)
        self.request_id = head.request_id
        check_head(request, self._limits)
        self._enter(Phase.BODY)
        pool = self._server.router.pool_of(head.method, head.path)
        if pool.streams_body:
            stream = BodyStream(self._request_data_threadsafe)
            self._handler.start_cycle(head, cast(BinaryIO, stream), head.content_length, pool)
            self._body_stream = stream
            return
        if head.content_length is not None and head.content_length > self._limits.body_bytes:
            raise body_too_large(self._limits)
        self._start_interval()
        self._send_continue()

    def _take_data(self, data: bytes) -> None:
        """raises  HTTPProblem if it is too much"""
        self._interval_bytes += len(data)
        if self._interval_bytes >= self._limits.body_interval_bytes:
            self._start_interval()
        if self._body_stream:
            self._body_stream.feed(bytes(data))
            if self._body_stream.is_full:
                self._transport.pause_reading()
                self._deadline = None
            return
        if len(self._body) + len(data) > self._limits.body_bytes:
            raise body_too_large(self._limits)
        if not self._server.bodies.reserve(len(data)):
            raise unavailable("too many bodies are arriving")
        self._body += data

    def _take_end(self) -> None:
        """raises  HTTPProblem if the pool has no thread for the request"""
        self._enter(Phase.COMPLETE)
        if self._body_stream:
            self._body_stream.end()
        else:
            assert self.head
            pool = self._server.router.pool_of(self.head.method, self.head.path)
            self._handler.start_cycle(self.head, io.BytesIO(self._body), len(self._body), pool)

    def _start_interval(self) -> None:
        self._interval_bytes = 0
        self._deadline = self._loop.time() + self._limits.body_interval_s

    def _request_data_threadsafe(self) -> None:
        """Called in the view's thread."""
        with suppress(RuntimeError):  # the server has stopped, and all connections are closed
            self._loop.call_soon_threadsafe(self._request_data)

    def _request_data(self) -> None:
        """The view reads faster than the body arrives."""
        if self._body_stream and self._http.their_state is h11.SEND_BODY:
            self._send_continue()
            if self._deadline is None:  # else the client is late already
                self._start_interval()
            if not self._continues_next_turn:
                self._transport.resume_reading()

    def _send_continue(self) -> None:
        if self._http.they_are_waiting_for_100_continue:
            self._handler.send(h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue"))

    # What is wrong with a request

    def _malformed_head(self, error: h11.RemoteProtocolError) -> HTTPProblem:
        if error.error_status_hint == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
            arrived, _ = self._http.trailing_data
            return head_too_large(self._limits) if b"\n" in arrived else request_line_too_long(self._limits)
        return incomplete_head() if self.has_eof else not_http(error)

    def _malformed_body(self, error: h11.RemoteProtocolError) -> HTTPProblem:
        return incomplete_body() if self.has_eof else malformed_chunks(error)

    def _fail(self, problem: HTTPProblem) -> None:
        """For the view if it reads the body; else the request is rejected."""
        self._deadline = None
        if self._body_stream:
            self._body_stream.end(problem)
        else:
            self._handler.reject(problem)
