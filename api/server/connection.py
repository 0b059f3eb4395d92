"""One client's connection: its states and timeouts, from request to request, and the sending of responses.

All of it runs in the event loop, and speaks HTTP/1.1 (RFC 9112) by h11.
"""

import asyncio
import logging
import socket
import threading
from email.utils import formatdate
from enum import Enum, auto
from typing import BinaryIO, cast

import h11

from api.http.problems import HTTPProblem, bad_request, unavailable
from api.http.pushed import PushedBody
from api.monitoring.requests import PUSHED_STREAMS, REJECTIONS
from api.server.access_log import Exchange
from api.server.cycle import RequestResponseCycle, ResponseHead
from api.server.environ import RequestHead, make_environ
from api.server.pools import GENERATIONS, STREAMS, PoolConfig
from api.server.rejections import CONNECTION_CLOSE, rejection, stopping
from api.server.request_reader import RequestReader
from api.server.response_writer import EventLoopWriter
from api.server.state import ServerState

log = logging.getLogger(__name__)


class State(Enum):
    OPEN = auto()
    LINGERING = auto()
    """The last response is sent. What still arrives is thrown away until the client closes."""
    CLOSED = auto()


class Connection(asyncio.Protocol):
    def __init__(self, server: ServerState, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._limits = server.limits
        self._loop = loop
        self._http = h11.Connection(h11.SERVER, self._limits.head_bytes)
        self._state = State.OPEN
        self._linger_until = 0.0
        self._cycle: RequestResponseCycle | None = None
        """Of the request that is being answered."""
        self._writer: EventLoopWriter | None = None
        """The cycle's."""
        self._pushed: PushedBody | None = None
        """The body that is being sent, if it is the event loop that makes it."""
        self._exchange: Exchange | None = None
        """The request that is being answered, for the log."""
        self._can_write = True
        self._waits_for_room: threading.Event | None = None
        """Set when the chunks that were sent leave room for another."""
        self._unsent_bytes = 0
        self._unsent_since = 0.0

    @property
    def is_open(self) -> bool:
        return self._state is State.OPEN

    @property
    def request_id(self) -> str:
        return self._reader.request_id

    # Called by asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        # asyncio sets it only for sockets made with TCP's number, which `socket.create_server` leaves out.
        # Without it a body waits until the client has acknowledged the head: 40 ms on a kept connection.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = RequestReader(self._http, self._transport, self, self._server, self._loop)
        self._server.connections.add(self)

    def data_received(self, data: bytes) -> None:
        if self.is_open:
            self._reader.receive(data)

    def eof_received(self) -> bool:
        """Whether the connection stays open, for the response."""
        if not self.is_open:
            return False
        if self._cycle:
            self._cycle.is_disconnected = True
        self._reader.receive_eof()
        if self._pushed:
            self._pushed.stop()
        return self.is_open

    def connection_lost(self, error: Exception | None) -> None:
        self._state = State.CLOSED
        self._log_exchange(is_whole=False)
        self._end_cycle(bad_request("the client has closed the connection"))
        self._server.connections.remove(self)

    def pause_writing(self) -> None:
        self._can_write = False

    def resume_writing(self) -> None:
        self._can_write = True
        self._make_room()
        if self._pushed:
            self._pushed.resume()

    # Called by the server

    def check_timeouts(self, now: float) -> None:
        """End what takes too long.

        now  by the loop's clock
        """
        unsent_bytes = self._transport.get_write_buffer_size()
        if unsent_bytes == 0 or unsent_bytes != self._unsent_bytes:
            self._unsent_bytes, self._unsent_since = unsent_bytes, now
        elif now - self._unsent_since > self._limits.unread_s:
            self.abort()
            return
        if self._state is State.OPEN:
            self._reader.check_timeout(now)
        elif self._state is State.LINGERING and now >= self._linger_until and unsent_bytes == 0:
            self.abort()

    def stop(self) -> None:
        """The service is stopping: what has not begun does not begin, and streams end."""
        if self._cycle is None:
            if self.is_open and self._reader.has_partial_request:
                self.reject(stopping())
            else:
                self.close()
        elif self._pushed:
            self._pushed.stop()
        elif self._cycle.pool == STREAMS:
            self._cycle.is_disconnected = True

    def stop_generation(self) -> None:
        """If its request waits for a generation worker, wait no longer."""
        if self._cycle and self._cycle.pool == GENERATIONS:
            self.reject(stopping())

    def stop_cycle(self) -> None:
        if self._cycle and self._http.our_state is h11.SEND_RESPONSE:
            self.reject(stopping())
        else:
            self.abort()

    def turn_away(self) -> None:
        """There are too many connections for this one."""
        self.reject(unavailable("too many connections"))
        self.close()

    # Called by the reader

    def start_cycle(
        self, head: RequestHead, body: BinaryIO, content_length: int | None, pool: PoolConfig
    ) -> None:
        # A client that has disconnected already has no address.
        ends = (self._transport.get_extra_info(end) or ("", 0) for end in ("peername", "sockname"))
        client, server = (end[:2] for end in ends)
        environ = make_environ(head, body, content_length, client, server)
        writer = EventLoopWriter(self, self._loop)
        cycle = RequestResponseCycle(self._server.app, environ, pool, self._server.threads, writer)
        cycle.is_disconnected = self._reader.has_eof
        self._exchange = Exchange(head, head.request_id)
        cycle.start()
        self._cycle, self._writer = cycle, writer
        self._server.connections.mark_busy(self)

    def reject(self, problem: HTTPProblem) -> None:
        """Respond as the application would, and close: what else has arrived or will is not looked at."""
        REJECTIONS.labels(str(int(problem.status))).inc()
        log.info("refused with %d: %s", problem.status, problem.detail, extra={"request_id": self.request_id})
        if self._http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.abort()
            return
        request = self._reader.head
        path = request.path.encode("latin-1").decode(errors="replace") if request else ""
        head, body = rejection(problem, path, self.request_id)
        self.send_response(head, b"" if request and request.method == "HEAD" else body)

    def close(self) -> None:
        """Once what has been written is sent."""
        self._state = State.CLOSED
        self._server.connections.mark_idle(self)
        self._transport.close()

    def abort(self) -> None:
        self._state = State.CLOSED
        self._transport.abort()

    # Called by the cycle's writer, in the event loop

    def send_response(self, head: ResponseHead, body: bytes) -> None:
        self.send_head(head)
        if body:
            self.send(h11.Data(data=body))
        self.end_response()

    def send_head(self, head: ResponseHead) -> None:
        # Flask dates files by itself; a response has one Date (RFC 9110, section 6.6.1).
        given = [header for header in head.headers if header[0].lower() != "date"]
        headers = [*given, ("Date", formatdate(usegmt=True))]
        is_last = self._reader.has_eof or self._server.is_stopping
        is_last = is_last or self._http.their_state in (h11.SEND_BODY, h11.ERROR)
        if is_last and CONNECTION_CLOSE not in headers:
            headers.append(CONNECTION_CLOSE)
        if self._exchange is None:  # rejected before there was a cycle
            self._exchange = Exchange(self._reader.head, self.request_id)
        self._exchange.status = int(head.status)
        encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        self.send(h11.Response(status_code=head.status, reason=head.reason.encode(), headers=encoded))

    def send_chunk(self, chunk: bytes, has_room: threading.Event) -> None:
        """has_room  set when another may follow"""
        self.send(h11.Data(data=chunk))
        if self._can_write:
            has_room.set()
        else:
            self._waits_for_room = has_room

    def send_pushed(self, head: ResponseHead, body: PushedBody) -> None:
        self.send_head(head)
        self._pushed = body
        PUSHED_STREAMS.inc()
        body.start(self)
        if self._pushed and (self._server.is_stopping or self._reader.has_eof):
            body.stop()

    # Called by a pushed body

    @property
    def has_room(self) -> bool:
        return self._can_write

    def push(self, data: bytes) -> None:
        self.send(h11.Data(data=data))

    def end_response(self) -> None:
        self.send(h11.EndOfMessage())
        self._log_exchange(is_whole=True)
        self._end_cycle(bad_request("the request has been answered"))
        if self._http.our_state is self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
            self._reader.start_next()
            self._server.connections.mark_idle(self)
            self._transport.resume_reading()
            self._reader.read()
        else:
            self._linger()

    def send(self, event: h11.Event) -> None:
        data = self._http.send(event)
        if data:
            if self._exchange is not None:
                self._exchange.sent_bytes += len(data)
            self._transport.write(data)

    def _log_exchange(self, *, is_whole: bool) -> None:
        if self._exchange is not None:
            self._exchange.write_line(is_whole=is_whole)
            self._exchange = None

    def _end_cycle(self, reason: HTTPProblem) -> None:
        """reason  what the view gets if it still reads the request's body"""
        if self._cycle and self._writer:
            self._cycle.is_disconnected = True
            self._writer.close()
            self._cycle = self._writer = None
        if self._pushed:
            pushed, self._pushed = self._pushed, None
            PUSHED_STREAMS.dec()
            pushed.close()
        self._reader.discard_body(reason)
        self._make_room()

    def _make_room(self) -> None:
        if self._waits_for_room:
            self._waits_for_room.set()
            self._waits_for_room = None

    def _linger(self) -> None:
        """Close, but not before the client has had the time to read the response: see `Limits.linger_s`."""
        if self._reader.has_eof:
            self.close()
            return
        self._state = State.LINGERING
        self._linger_until = self._loop.time() + self._limits.linger_s
        self._server.connections.mark_idle(self)
        self._transport.write_eof()
        self._transport.resume_reading()
