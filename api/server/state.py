"""What all connections of a server share."""

import asyncio
from typing import TYPE_CHECKING

from flask import Flask

from api.server.limits import Limits
from api.server.pools import PoolRouter
from api.server.threads import ThreadPools

if TYPE_CHECKING:
    from api.server.connection import Connection


class ServerState:
    """For the event loop alone, but for `threads`."""

    def __init__(self, app: Flask, limits: Limits) -> None:
        self.app = app
        self.limits = limits
        self.router = PoolRouter(app)
        self.threads = ThreadPools()
        self.bodies = BodyBudget(limits.buffered_bodies_bytes)
        self.connections = Connections(limits.connections)
        self.is_stopping = False


class BodyBudget:
    """Bytes that all buffered bodies together may take."""

    def __init__(self, max_bytes: int) -> None:
        self._left_bytes = max_bytes

    def reserve(self, size_bytes: int) -> bool:
        """Whether there is room for so much more; it then counts until it is released."""
        if size_bytes > self._left_bytes:
            return False
        self._left_bytes -= size_bytes
        return True

    def release(self, size_bytes: int) -> None:
        self._left_bytes += size_bytes


class Connections:
    """The open connections: busy ones, of which a request is being answered, and all others, which are
    idle."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: set[Connection] = set()
        self._busy: set[Connection] = set()
        self._idle: dict[Connection, None] = {}
        """The one that has been idle for longest first."""
        self.none_busy = asyncio.Event()
        self.none_busy.set()

    def open(self) -> list["Connection"]:
        return list(self._open)

    def busy(self) -> list["Connection"]:
        return list(self._busy)

    def add(self, connection: "Connection") -> None:
        """Add a new connection. If there are too many, that which has been idle for longest is closed."""
        self._open.add(connection)
        self._idle[connection] = None
        if len(self._open) > self._limit:
            oldest = next(iter(self._idle))
            if oldest is connection:
                connection.turn_away()
            else:
                oldest.abort()
                self.remove(oldest)

    def mark_idle(self, connection: "Connection") -> None:
        self._idle.pop(connection, None)
        self._idle[connection] = None
        self._end_busy(connection)

    def mark_busy(self, connection: "Connection") -> None:
        self._idle.pop(connection, None)
        self._busy.add(connection)
        self.none_busy.clear()

    def remove(self, connection: "Connection") -> None:
        self._open.discard(connection)
        self._idle.pop(connection, None)
        self._end_busy(connection)

    def _end_busy(self, connection: "Connection") -> None:
        self._busy.discard(connection)
        if not self._busy:
            self.none_busy.set()
