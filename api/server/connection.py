"""One client's connection: requests come in, answers go out, as HTTP/1.1 (RFC 9112), which h11 speaks.

All of it runs in the event loop, but for what `Outlet` names: that is for the threads that answer.
"""

import asyncio
import io
import logging
import threading
from collections.abc import Callable
from email.utils import formatdate
from enum import Enum, auto
from http import HTTPStatus
from typing import BinaryIO, Protocol, cast
from wsgiref.types import WSGIApplication

import h11

from api.http.headers import REQUEST_ID, SECURITY, choose_request_id
from api.http.problems import MEDIA_TYPE, Refusal, problem_json, unavailable
from api.server.arriving_body import ArrivingBody
from api.server.environ import Asked, make_environ, read_head
from api.server.exchange import ClientGone, Exchange, Head
from api.server.lanes import STREAMS, WAITS, Lane, Task
from api.server.limits import Limits
from api.server.refusals import (
    bad,
    body_too_large,
    check_head,
    head_too_large,
    line_too_long,
    reason_of,
    stopping,
    too_slow,
)

log = logging.getLogger(__name__)

AHEAD_BYTES = 64 * 1024
"""So much may arrive of requests that follow the one which is being answered."""

CLOSE = ("Connection", "close")

EVENTS_AT_ONCE = 32
"""Of one connection: then others have their turn. What arrives at once can be tens of thousands of chunks."""


class Phase(Enum):
    IDLE = auto()
    """Nothing has come of a request yet."""
    HEAD = auto()
    BODY = auto()
    ANSWERING = auto()
    """The application has the request, whose body may still be arriving."""
    LINGERING = auto()
    """All has been said. What still comes is thrown away until the client closes."""
    CLOSED = auto()


class House(Protocol):
    """What connections have in common."""

    @property
    def app(self) -> WSGIApplication: ...

    @property
    def limits(self) -> Limits: ...

    @property
    def is_stopping(self) -> bool: ...

    def lane_of(self, asked: Asked) -> Lane: ...

    def submit(self, lane: Lane, task: Task) -> None:
        """raises  Refusal if the lane takes no more"""

    def take_room(self, more_bytes: int) -> bool:
        """Whether so much more of bodies can be held; it then counts until it is given back."""

    def give_room(self, held_bytes: int) -> None: ...

    def opened(self, connection: "Connection") -> None: ...

    def waits(self, connection: "Connection") -> None:
        """No request of it is being answered."""

    def answers(self, connection: "Connection") -> None: ...

    def closed(self, connection: "Connection") -> None: ...


class Connection(asyncio.Protocol):
    def __init__(self, house: House, loop: asyncio.AbstractEventLoop) -> None:
        self._house = house
        self._limits = house.limits
        self._loop = loop
        self._http = h11.Connection(h11.SERVER, self._limits.head_bytes)
        self._phase = Phase.IDLE
        self._deadline: float | None = None
        self._has_eof = False
        """The client sends no more. It may still read."""
        self._asked: Asked | None = None
        self._request_id = ""
        self._body = bytearray()
        self._arriving: ArrivingBody | None = None
        """In place of `_body`, where the view reads the body as it comes."""
        self._window_bytes = 0
        """Of the body, since its deadline was set."""
        self._ahead_bytes = 0
        self._is_behind = False
        """What has arrived was too much for one turn, and the rest is read in the next."""
        self._exchange: Exchange | None = None
        self._is_writable = True
        self._waits_for_room: threading.Event | None = None
        self._unsent_bytes = 0
        self._unsent_since = 0.0

    # Called by the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._wait_for_request()
        self._house.opened(self)

    def data_received(self, data: bytes) -> None:
        if self._phase in (Phase.LINGERING, Phase.CLOSED):
            return
        self._http.receive_data(data)
        if self._phase is Phase.IDLE:
            self._enter(Phase.HEAD, self._limits.head_s)
        elif self._phase is Phase.ANSWERING and self._http.their_state is not h11.SEND_BODY:
            self._ahead_bytes += len(data)
            if self._ahead_bytes > AHEAD_BYTES:
                self._transport.pause_reading()
        self._read()

    def eof_received(self) -> bool:
        """Whether the connection stays open, for what is still to be said."""
        self._has_eof = True
        if self._phase in (Phase.LINGERING, Phase.CLOSED):
            return False
        if self._exchange:
            self._exchange.client_has_gone = True
        self._http.receive_data(b"")
        self._read()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        self._phase = Phase.CLOSED
        self._deadline = None
        self._leave_exchange(bad("the client has closed the connection"))
        self._house.closed(self)

    def pause_writing(self) -> None:
        self._is_writable = False

    def resume_writing(self) -> None:
        self._is_writable = True
        self._let_go_on()

    # Called by the house

    def check(self, now: float) -> None:
        """End what takes too long.

        now  by the loop's clock
        """
        unsent_bytes = self._transport.get_write_buffer_size()
        if unsent_bytes == 0 or unsent_bytes != self._unsent_bytes:
            self._unsent_bytes, self._unsent_since = unsent_bytes, now
        elif now - self._unsent_since > self._limits.unread_s:
            self.abort()
            return
        if self._deadline is None or now < self._deadline:
            return
        if self._phase is Phase.LINGERING:
            if unsent_bytes == 0:
                self.abort()
        elif self._phase is Phase.IDLE:
            self._close()
        else:
            self._fail(too_slow("head" if self._phase is Phase.HEAD else "body"))

    def stop(self) -> None:
        """The service is stopping: what has not begun does not begin, and streams end."""
        if self._exchange is None:
            if self._phase in (Phase.HEAD, Phase.BODY):
                self._refuse(stopping())
            else:
                self._close()
        elif self._exchange.lane == STREAMS:
            self._exchange.client_has_gone = True

    def stop_waiting(self) -> None:
        """Nothing waits for a worker any more."""
        if self._exchange and self._exchange.lane == WAITS:
            self._refuse(stopping())

    def stop_answering(self) -> None:
        if self._exchange and self._http.our_state is h11.SEND_RESPONSE:
            self._refuse(stopping())
        else:
            self.abort()

    def turn_away(self) -> None:
        """There is no room for this connection."""
        self._refuse(unavailable("too many connections"))
        self._close()

    def abort(self) -> None:
        self._enter(Phase.CLOSED)
        self._transport.abort()

    # Requests

    def _wait_for_request(self) -> None:
        self._asked = None
        self._request_id = choose_request_id("")
        self._ahead_bytes = 0
        has_begun, _ = self._http.trailing_data
        if has_begun:
            self._enter(Phase.HEAD, self._limits.head_s)
        else:
            self._enter(Phase.IDLE, self._limits.idle_s)
        self._house.waits(self)

    def _enter(self, phase: Phase, seconds: float | None = None) -> None:
        self._phase = phase
        self._deadline = None if seconds is None else self._loop.time() + seconds

    def _read(self) -> None:
        """Take what has arrived, as far as it can be used now, but for what another turn is left for."""
        for _ in range(EVENTS_AT_ONCE):
            if not self._takes_events or not self._take_event():
                return
        if self._takes_events and not self._is_behind:
            self._is_behind = True
            self._transport.pause_reading()
            self._loop.call_soon(self._catch_up)

    def _catch_up(self) -> None:
        self._is_behind = False
        self._read()
        if not (self._is_behind or (self._arriving and self._arriving.is_full)):
            self._transport.resume_reading()

    @property
    def _takes_events(self) -> bool:
        return self._phase in (Phase.IDLE, Phase.HEAD, Phase.BODY) or (
            self._phase is Phase.ANSWERING and self._http.their_state is h11.SEND_BODY
        )

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
                self._end_body()
            elif isinstance(event, h11.ConnectionClosed):
                self._close()
            else:
                return False
        except h11.RemoteProtocolError as error:
            self._fail(self._explain_body(error) if in_body else self._explain_head(error))
        except Refusal as refusal:
            self._fail(refusal)
        return True

    def _take_head(self, request: h11.Request) -> None:
        """raises  Refusal if the request can't be answered, whatever it asks for"""
        self._asked = read_head(request)
        self._request_id = self._asked.request_id
        check_head(request, self._limits)
        length_bytes = self._asked.body_bytes
        lane = self._house.lane_of(self._asked)
        if lane.streams_body:
            self._arriving = ArrivingBody(on_wanted=lambda: self._call(self._want_body))
            self._start(lane, cast(BinaryIO, self._arriving), length_bytes)
            return
        if length_bytes is not None and length_bytes > self._limits.body_bytes:
            raise body_too_large(self._limits)
        self._enter(Phase.BODY)
        self._open_window()
        self._send_continue()

    def _take_data(self, data: bytes) -> None:
        """raises  Refusal if it is too much"""
        self._window_bytes += len(data)
        if self._window_bytes >= self._limits.body_pause_bytes:
            self._open_window()
        if self._arriving:
            self._arriving.feed(bytes(data))
            if self._arriving.is_full:
                self._transport.pause_reading()
                self._deadline = None
            return
        if len(self._body) + len(data) > self._limits.body_bytes:
            raise body_too_large(self._limits)
        if not self._house.take_room(len(data)):
            raise unavailable("too many bodies are arriving")
        self._body += data

    def _end_body(self) -> None:
        """raises  Refusal if the lane is full"""
        self._deadline = None
        if self._arriving:
            self._arriving.end()
        else:
            assert self._asked
            self._start(self._house.lane_of(self._asked), io.BytesIO(self._body), len(self._body))

    def _open_window(self) -> None:
        self._window_bytes = 0
        self._deadline = self._loop.time() + self._limits.body_pause_s

    def _want_body(self) -> None:
        """The view reads faster than the body comes."""
        if self._arriving and self._http.their_state is h11.SEND_BODY:
            self._send_continue()
            if self._deadline is None:  # else the client is late already
                self._open_window()
            if not self._is_behind:
                self._transport.resume_reading()

    def _send_continue(self) -> None:
        if self._http.they_are_waiting_for_100_continue:
            self._send(h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue"))

    def _start(self, lane: Lane, body: BinaryIO, length_bytes: int | None) -> None:
        """Have the request answered. raises  Refusal"""
        assert self._asked
        # A client that is gone already has no address.
        ends = (self._transport.get_extra_info(end) or ("", 0) for end in ("peername", "sockname"))
        client, server = (end[:2] for end in ends)
        environ = make_environ(self._asked, body, length_bytes, client, server)
        exchange = Exchange(self._house.app, environ, lane, self, self._house.submit)
        exchange.client_has_gone = self._has_eof
        exchange.start()
        self._exchange = exchange
        self._enter(Phase.ANSWERING)
        self._house.answers(self)

    def _explain_head(self, error: h11.RemoteProtocolError) -> Refusal:
        if error.error_status_hint == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE:
            arrived, _ = self._http.trailing_data
            return head_too_large(self._limits) if b"\n" in arrived else line_too_long(self._limits)
        if self._has_eof:
            return bad("the request ends in the middle of its head")
        return Refusal(
            HTTPStatus(error.error_status_hint), f"the request is not HTTP/1.1: {reason_of(error)}"
        )

    def _explain_body(self, error: h11.RemoteProtocolError) -> Refusal:
        if self._has_eof:
            return bad("the body is shorter than its head says, or its last chunk is missing")
        return bad(f"the body's chunks are malformed: {reason_of(error)}")

    def _fail(self, refusal: Refusal) -> None:
        """Tell whoever is to answer: the view that reads the body, else the client."""
        self._deadline = None
        if self._exchange and self._arriving:
            self._arriving.end(refusal)
        else:
            self._refuse(refusal)

    # Answers, called from the threads of lanes: see Outlet

    def send_whole(self, exchange: Exchange, head: Head, body: bytes) -> None:
        self._call_for(exchange, lambda: self._answer(head, body))

    def send_head(self, exchange: Exchange, head: Head) -> None:
        self._call_for(exchange, lambda: self._begin_answer(head))

    def send_piece(self, exchange: Exchange, piece: bytes) -> None:
        taken = threading.Event()
        if self._call_for(exchange, lambda: self._go_on(piece, taken), otherwise=taken.set):
            taken.wait()
        if self._exchange is not exchange:
            raise ClientGone

    def send_end(self, exchange: Exchange) -> None:
        self._call_for(exchange, self._end_answer)

    def send_refusal(self, exchange: Exchange, refusal: Refusal) -> None:
        self._call_for(exchange, lambda: self._refuse(refusal))

    def cut(self, exchange: Exchange) -> None:
        self._call_for(exchange, self.abort)

    def _call(self, action: Callable[[], None]) -> bool:
        """Have `action` called in the event loop; whether there still is one."""
        try:
            self._loop.call_soon_threadsafe(action)
        except RuntimeError:  # the service has stopped, and all connections are closed
            return False
        return True

    def _call_for(
        self, exchange: Exchange, action: Callable[[], None], otherwise: Callable[[], None] = lambda: None
    ) -> bool:
        """The same if the exchange is still the one that is being answered, else have `otherwise` called."""

        def act() -> None:
            if self._exchange is not exchange:
                otherwise()
                return
            try:
                action()
            except (h11.LocalProtocolError, UnicodeEncodeError):
                # It is no HTTP: a header with a line break, or less than its Content-Length says.
                log.exception("the answer can't be sent", extra={"request_id": self._request_id})
                self.abort()
                otherwise()

        return self._call(act)

    # Answers, in the event loop

    def _answer(self, head: Head, body: bytes) -> None:
        self._begin_answer(head)
        if body:
            self._send(h11.Data(data=body))
        self._end_answer()

    def _begin_answer(self, head: Head) -> None:
        headers = [*head.headers, ("Date", formatdate(usegmt=True))]
        is_last = self._has_eof or self._house.is_stopping
        is_last = is_last or self._http.their_state in (h11.SEND_BODY, h11.ERROR)
        if is_last and CLOSE not in headers:
            headers.append(CLOSE)
        encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        self._send(h11.Response(status_code=head.status, reason=head.reason.encode(), headers=encoded))

    def _go_on(self, piece: bytes, taken: threading.Event) -> None:
        self._send(h11.Data(data=piece))
        if self._is_writable:
            taken.set()
        else:
            self._waits_for_room = taken

    def _let_go_on(self) -> None:
        if self._waits_for_room:
            self._waits_for_room.set()
            self._waits_for_room = None

    def _end_answer(self) -> None:
        self._send(h11.EndOfMessage())
        self._leave_exchange(bad("the request has been answered"))
        if self._http.our_state is self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
            self._wait_for_request()
            self._transport.resume_reading()
            self._read()
        else:
            self._linger()

    def _refuse(self, refusal: Refusal) -> None:
        """Answer as the application would, and close: what else has come or will is not looked at."""
        log.info(
            "refused with %d: %s", refusal.status, refusal.detail, extra={"request_id": self._request_id}
        )
        if self._http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.abort()
            return
        path = self._asked.path.encode("latin-1").decode(errors="replace") if self._asked else ""
        body = problem_json(refusal, path)
        headers = [
            *refusal.headers.items(),
            ("Content-Type", MEDIA_TYPE),
            ("Content-Length", str(len(body))),
            (REQUEST_ID, self._request_id),
            *SECURITY.items(),
            CLOSE,
        ]
        has_body = self._asked is None or self._asked.method != "HEAD"
        self._answer(Head(refusal.status, refusal.status.phrase, headers), body if has_body else b"")

    def _leave_exchange(self, reason: Refusal) -> None:
        """The present request is over, for the view too.

        reason  what the view hears if it still reads the body
        """
        if self._exchange:
            self._exchange.client_has_gone = True
            self._exchange = None
        if self._arriving:
            self._arriving.end(reason)
            self._arriving = None
        self._house.give_room(len(self._body))
        self._body = bytearray()
        self._let_go_on()

    def _linger(self) -> None:
        """Close, but not before the client has had the time to read why."""
        if self._has_eof:
            self._close()
        else:
            self._enter(Phase.LINGERING, self._limits.linger_s)
            self._house.waits(self)
            self._transport.write_eof()
            self._transport.resume_reading()

    def _close(self) -> None:
        """Once what has been said is sent."""
        self._enter(Phase.CLOSED)
        self._house.waits(self)
        self._transport.close()

    def _send(self, event: h11.Event) -> None:
        data = self._http.send(event)
        if data:
            self._transport.write(data)
