"""Hands a response from the thread that makes it to the event loop, which sends it."""

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import h11

from api.http.problems import HTTPProblem
from api.http.pushed import PushedBody
from api.server.cycle import ClientDisconnected, ResponseHead

if TYPE_CHECKING:
    from api.server.connection import Connection

log = logging.getLogger(__name__)


class EventLoopWriter:
    """The `ResponseWriter` of one cycle. Its methods are for the cycle's thread, but for `close`."""

    def __init__(self, connection: "Connection", loop: asyncio.AbstractEventLoop) -> None:
        self._connection = connection
        self._loop = loop
        self._is_closed = False

    def close(self) -> None:
        """The cycle is over: what is still written is dropped. Called in the event loop."""
        self._is_closed = True

    def write_response(self, head: ResponseHead, body: bytes) -> None:
        self._call_in_loop(lambda: self._connection.send_response(head, body))

    def write_head(self, head: ResponseHead) -> None:
        self._call_in_loop(lambda: self._connection.send_head(head))

    def write_chunk(self, chunk: bytes) -> None:
        has_room = threading.Event()
        if self._call_in_loop(lambda: self._connection.send_chunk(chunk, has_room), if_dropped=has_room.set):
            has_room.wait()
        if self._is_closed:
            raise ClientDisconnected

    def end(self) -> None:
        self._call_in_loop(self._connection.end_response)

    def write_pushed(self, head: ResponseHead, body: PushedBody) -> None:
        self._call_in_loop(lambda: self._connection.send_pushed(head, body))

    def write_problem(self, problem: HTTPProblem) -> None:
        self._call_in_loop(lambda: self._connection.reject(problem))

    def abort(self) -> None:
        self._call_in_loop(self._connection.abort)

    def _call_in_loop(
        self, action: Callable[[], None], if_dropped: Callable[[], None] = lambda: None
    ) -> bool:
        """Have `action` called in the event loop, or `if_dropped` if the cycle is over; whether a loop
        runs."""

        def act() -> None:
            if self._is_closed:
                if_dropped()
                return
            try:
                action()
            except (h11.LocalProtocolError, UnicodeEncodeError):
                # The application's response is not HTTP: a header with a line break, or a body that is not as
                # long as its Content-Length.
                log.exception("the response can't be sent", extra={"request_id": self._connection.request_id})
                self._connection.abort()
                if_dropped()

        try:
            self._loop.call_soon_threadsafe(act)
        except RuntimeError:  # the server has stopped, and all connections are closed
            return False
        return True
