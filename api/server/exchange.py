"""A request on its way through the WSGI application (PEP 3333), and its answer on the way back."""

import itertools
import logging
from collections.abc import Callable, Iterable
from contextvars import Context
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol
from wsgiref.types import WSGIApplication, WSGIEnvironment

import structlog

from api.http.problems import Refusal, internal_error
from api.http.streams import tell_of_client
from api.server.lanes import STREAMS, Lane, Task
from jobs.process.panics import native_panics_as_errors

log = logging.getLogger(__name__)

WHOLE_BYTES = 1024 * 1024
"""Up to this length an answer is handed over in one piece, and its thread is free again."""

BODILESS = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


@dataclass(frozen=True)
class Head:
    """The beginning of an answer."""

    status: int
    reason: str
    headers: list[tuple[str, str]]

    @property
    def length_bytes(self) -> int | None:
        """Of the body, where it is told."""
        return next((int(value) for name, value in self.headers if name.lower() == "content-length"), None)


class ClientGone(Exception):
    """Nobody takes the rest of the answer."""


class Outlet(Protocol):
    """Where an answer goes, from the threads of lanes. What comes after the client has gone is dropped."""

    def send_whole(self, exchange: "Exchange", head: Head, body: bytes) -> None: ...

    def send_head(self, exchange: "Exchange", head: Head) -> None: ...

    def send_piece(self, exchange: "Exchange", piece: bytes) -> None:
        """Returns when there is room for the next. raises ClientGone"""

    def send_end(self, exchange: "Exchange") -> None: ...

    def send_refusal(self, exchange: "Exchange", refusal: Refusal) -> None:
        """Instead of any other answer."""

    def cut(self, exchange: "Exchange") -> None:
        """End the connection in the middle of the answer, so that nobody takes it for the whole one."""


class Exchange:
    """One call of the application.

    environ  the request
    submit   has a task called in a lane's thread; raises Refusal if it has none
    """

    def __init__(
        self,
        app: WSGIApplication,
        environ: WSGIEnvironment,
        lane: Lane,
        outlet: Outlet,
        submit: Callable[[Lane, Task], None],
    ) -> None:
        self.environ = environ
        self.lane = lane
        """Where it is at present."""
        self.client_has_gone = False
        """Told by the event loop."""
        self._app = app
        self._outlet = outlet
        self._submit = submit
        self._head: Head | None = None
        self._written: list[bytes] = []

    def start(self) -> None:
        """Have the application called in a thread of the lane. raises  Refusal if it has none"""
        self._submit(self.lane, self._run)

    def _run(self) -> None:
        """Call the application and send what it answers.

        What is bound to the context, such as the request's id for the log, is this call's alone, because the
        thread is another request's next. An answer of great or unknown length goes on in the lane of streams:
        its client may take it as slowly as it likes.
        """
        if self.lane.for_present_clients and self.client_has_gone:
            self._outlet.cut(self)
            return
        context = Context()
        pieces = context.run(self._call)
        if pieces is None:
            return
        self.lane = STREAMS
        try:
            self._submit(STREAMS, lambda: context.run(self._send_pieces, pieces))
        except Refusal as refusal:
            close(pieces)
            self._outlet.send_refusal(self, refusal)

    def _call(self) -> Iterable[bytes] | None:
        """What is still to be sent of the answer; None if all of it has been."""
        structlog.contextvars.bind_contextvars(request_id=self.environ["HTTP_X_REQUEST_ID"])
        tell_of_client(lambda: self.client_has_gone)
        pieces: Iterable[bytes] = ()
        try:
            with native_panics_as_errors():
                pieces = self._app(self.environ, self._start_response)
                if self._head is None or not self._is_whole(self._head):
                    return pieces
                body = b"" if self._has_no_body(self._head) else b"".join([*self._written, *pieces])
                close(pieces)
            self._outlet.send_whole(self, self._head, body)
        except Exception:
            log.exception("the application failed")
            self._outlet.send_refusal(self, internal_error())
        return None

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        code, _, reason = status.partition(" ")
        self._head = Head(int(code), reason, list(headers))
        return self._written.append

    def _is_whole(self, head: Head) -> bool:
        length_bytes = head.length_bytes
        return self._has_no_body(head) or (length_bytes is not None and length_bytes <= WHOLE_BYTES)

    def _has_no_body(self, head: Head) -> bool:
        return self.environ["REQUEST_METHOD"] == "HEAD" or head.status in BODILESS

    def _send_pieces(self, pieces: Iterable[bytes]) -> None:
        has_begun = False
        try:
            with native_panics_as_errors():
                for piece in itertools.chain(pieces, (b"",)):
                    if not has_begun:
                        assert self._head is not None
                        self._outlet.send_head(self, self._head)
                        has_begun = True
                    for each in filter(None, [*self._written, piece]):
                        self._outlet.send_piece(self, each)
                    self._written.clear()
            self._outlet.send_end(self)
        except ClientGone:
            log.debug("the client has gone")
        except Exception:
            log.exception("the application failed in the middle of its answer")
            if has_begun:
                self._outlet.cut(self)
            else:
                self._outlet.send_refusal(self, internal_error())
        finally:
            close(pieces)


def close(pieces: Iterable[bytes]) -> None:
    """As PEP 3333 asks of whoever has been through an answer or gives it up."""
    if hasattr(pieces, "close"):
        pieces.close()
