"""The real server in this process, with a small application, and clients that send it raw bytes."""

import asyncio
import json
import select
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import h11
from flask import Flask

from api.http.error_handlers import register_error_handlers
from api.http.headers import register_headers
from api.http.requests import Request
from api.monitoring.requests import register_monitoring
from api.server.limits import Limits
from api.server.server import Server, listen
from tests.waiting import PATIENCE_S


def small_app() -> Flask:
    """An application without views, with the error handlers of the service."""
    app = Flask("small")
    app.request_class = Request
    register_headers(app)
    register_monitoring(app)
    register_error_handlers(app)
    return app


class MovedLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock can be moved on."""

    ahead_s = 0.0

    def time(self) -> float:
        return super().time() + self.ahead_s

    def move(self, seconds: float) -> None:
        self.ahead_s += seconds


class Served:
    """An application that is being served."""

    def __init__(self, app: Flask, limits: Limits, port: int = 0) -> None:
        listener = listen("127.0.0.1", port)
        self.port: int = listener.getsockname()[1]
        self.server = Server(app, listener, limits)
        self._loop = MovedLoop()
        self.thread = threading.Thread(target=self._loop.run_until_complete, args=(self.server.run(),))
        self.thread.start()

    def let_pass(self, seconds: float) -> None:
        """Move the server's clock on, by which its limits end: a short limit might end before a test has done
        what it keeps."""
        self._loop.call_soon_threadsafe(self._loop.move, seconds)

    def stop(self) -> None:
        """Ask it to stop; `thread` ends when it has."""
        self._loop.call_soon_threadsafe(self.server.stop)

    def close(self) -> None:
        if self.thread.is_alive():
            self.stop()
        self.thread.join()
        self._loop.close()


@contextmanager
def serving(app: Flask, limits: Limits | None = None, port: int = 0) -> Iterator[Served]:
    """
    port  of an earlier one, that its clients come back to; 0: any
    """
    served = Served(app, limits or Limits(grace_s=0, generation_grace_s=0), port)
    try:
        yield served
    finally:
        served.close()


@dataclass
class ReceivedResponse:
    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def problem(self) -> dict[str, Any]:
        """The problem document."""
        assert self.headers["content-type"] == "application/problem+json"
        document: dict[str, Any] = json.loads(self.body)
        assert document["status"] == self.status
        return document


class RawClient:
    """One connection to the server.

    receive_bytes  size of its socket's buffer, for a client that is slow to read
    """

    def __init__(self, port: int, receive_bytes: int | None = None) -> None:
        self.socket = socket.socket()
        if receive_bytes is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(("127.0.0.1", port))
        self.informational_statuses: list[int] = []
        """Statuses below 200 that came before responses."""
        self._arrived = b""

    def __enter__(self) -> "RawClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def send(self, data: bytes | str) -> "RawClient":
        self.socket.sendall(data.encode("latin-1") if isinstance(data, str) else data)
        return self

    def get(self, path: str, *headers: str) -> "RawClient":
        lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *headers]
        return self.send("\r\n".join(lines) + "\r\n\r\n")

    def post(self, path: str, body: bytes | str, *headers: str) -> "RawClient":
        """A POST with its Content-Length; see `start_post` for one that is malformed."""
        encoded = body.encode() if isinstance(body, str) else body
        return self.start_post(path, f"Content-Length: {len(encoded)}", *headers).send(encoded)

    def start_post(self, path: str, *headers: str) -> "RawClient":
        """The head of a POST."""
        lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", *headers]
        return self.send("\r\n".join(lines) + "\r\n\r\n")

    def half_close(self) -> "RawClient":
        self.socket.shutdown(socket.SHUT_WR)
        return self

    def trickle(self, data: str) -> None:
        """Send it a byte at a time, slowly, until there is a response."""
        for character in data:
            with suppress(ConnectionError):
                self.send(character)
            if select.select([self.socket], [], [], 0.02)[0]:
                return

    def reset(self) -> None:
        """Close so that the server sees a connection reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def response(self, method: str = "GET") -> ReceivedResponse:
        """The next whole response, to a request of that method; AssertionError if it has no end."""
        http = h11.Connection(h11.CLIENT, max_incomplete_event_size=2**20)
        http.send(h11.Request(method=method, target="/", headers=[("Host", "any")]))
        http.send(h11.EndOfMessage())
        if self._arrived:
            http.receive_data(self._arrived)
        head: h11.Response | None = None
        body = b""
        while True:
            try:
                event = http.next_event()
            except h11.RemoteProtocolError as error:
                raise AssertionError(f"no whole response: {error}") from error
            if event is h11.NEED_DATA:
                http.receive_data(self.socket.recv(65536))
            elif isinstance(event, h11.InformationalResponse):
                self.informational_statuses.append(event.status_code)
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                assert head
                self._arrived, _ = http.trailing_data
                headers = {name.decode(): value.decode("latin-1") for name, value in head.headers}
                return ReceivedResponse(head.status_code, headers, body)
            else:
                raise AssertionError("closed without a response")

    def receive_until(self, end: bytes) -> bytes:
        """All that has come once `end` has."""
        received = b""
        while end not in received:
            piece = self.socket.recv(65536)
            assert piece, f"the server closed before it sent {end!r}"
            received += piece
        return received

    def sees_close(self) -> bool:
        """Whether the server closes, and says nothing more before; waits for that."""
        try:
            return not self._arrived and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
