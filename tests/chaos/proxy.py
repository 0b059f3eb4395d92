"""A TCP proxy that misbehaves on request."""

import contextlib
import select
import socket
import struct
import threading
from pathlib import Path
from typing import Literal

from sqlalchemy import make_url

from tests.backends import free_port

Mode = Literal["forward", "refuse", "stall"]


class Proxy:
    """Forwards connections to a port or a Unix socket of this machine, until told otherwise.

    forward  passes everything on
    refuse   resets what is open and accepts nothing
    stall    keeps everything open, accepts more, and passes nothing on: the silent server
    delay_s  how long each piece is held back while forwarding
    """

    def __init__(self, target: int | Path) -> None:
        self.delay_s = 0.0
        self.accepted = 0
        self._target = target
        self._mode: Mode = "forward"
        self._changed = threading.Condition()
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self.port = free_port()
        self._listener: socket.socket | None = socket.create_server(("127.0.0.1", self.port))
        self._closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    def forward(self) -> None:
        with self._changed:
            if self._listener is None:
                self._listener = socket.create_server(("127.0.0.1", self.port))
            self._mode = "forward"
            self._changed.notify_all()

    def refuse(self) -> None:
        with self._changed:
            self._mode = "refuse"
            if self._listener is not None:
                with contextlib.suppress(OSError):  # wakes up a thread in accept()
                    self._listener.shutdown(socket.SHUT_RDWR)
                self._listener.close()
                self._listener = None
            self._changed.notify_all()
        self.reset()

    def stall(self) -> None:
        with self._changed:
            self._mode = "stall"
            self._changed.notify_all()

    def reset(self) -> None:
        """End every open connection with a reset."""
        with self._changed:
            pairs = list(self._pairs)
        for pair in pairs:
            for end in pair:
                # Linger of 0 s: close() sends a reset.
                with contextlib.suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._closed = True
        self.refuse()

    def _accept(self) -> None:
        while not self._closed:
            with self._changed:
                self._changed.wait_for(lambda: self._listener is not None or self._closed, timeout=0.5)
                listener = self._listener
            if listener is None:
                continue
            try:
                client, _ = listener.accept()
            except OSError:
                continue  # it was closed meanwhile
            self.accepted += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            with self._changed:
                self._changed.wait_for(self._passes_on)
            try:
                server = self._connect()
            except OSError:
                return
            with server:
                pair = (client, server)
                with self._changed:
                    if self._mode == "refuse":
                        return  # it was accepted just before
                    self._pairs.add(pair)
                try:
                    self._pump(client, server)
                except OSError:
                    return  # one side is gone, so the other goes, too
                finally:
                    with self._changed:
                        self._pairs.discard(pair)

    def _connect(self) -> socket.socket:
        if isinstance(self._target, int):
            return socket.create_connection(("127.0.0.1", self._target), timeout=5)
        server = socket.socket(socket.AF_UNIX)
        server.connect(str(self._target))
        return server

    def _pump(self, client: socket.socket, server: socket.socket) -> None:
        other = {client: server, server: client}
        while not self._closed:
            readable, _, _ = select.select([client, server], [], [], 0.5)
            for end in readable:
                received = self._receive(end)
                if not received:
                    return
                if self.delay_s:
                    threading.Event().wait(self.delay_s)
                other[end].sendall(received)

    def _receive(self, end: socket.socket) -> bytes:
        """What there is to read, once it may be passed on: after `stall` nothing more is received."""
        with self._changed:
            self._changed.wait_for(self._passes_on)
            return end.recv(65536)

    def _passes_on(self) -> bool:
        return self._mode != "stall" or self._closed


def behind(proxy: Proxy, url: str) -> str:
    """The URL of the same database or broker, by way of `proxy`."""
    by_proxy = make_url(url).set(host="127.0.0.1", port=proxy.port).difference_update_query(["host"])
    return by_proxy.render_as_string(hide_password=False)
