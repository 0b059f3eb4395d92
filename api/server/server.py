"""The HTTP server: an event loop that holds the connections, and threads in lanes that answer.

A connection that is idle, slow or half-sent costs a file and a few kilobytes, never a thread: the loop reads
requests and sends answers, and runs nothing of the application.
"""

import asyncio
import logging
import resource
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import replace

from flask import Flask

from api.server.connection import Connection
from api.server.environ import Asked
from api.server.lanes import WAITS, Lane, Routes, Task, Threads
from api.server.limits import Limits
from jobs.process.garbage import exempt_all_so_far

log = logging.getLogger(__name__)

SWEEP_S = 0.5
"""Between looks at what takes too long."""
FLUSH_S = 1
"""For the last answers to leave."""
BACKLOG = 1024
SWITCH_S = 0.001
"""After which a thread that computes makes way for one that waits for the interpreter. A light request waits
for that several times, and Python's own 5 ms add up."""
OTHER_FILES = WAITS.threads + 512
"""That may be open beside clients' connections: one to the broker for each request that waits there, those to
the database, of which SQLite opens three each, and what is read from disk."""


class Server:
    """Serves `app` until it is told to stop.

    listener  bound, and listening
    """

    def __init__(self, app: Flask, listener: socket.socket, limits: Limits) -> None:
        self.app = app
        self.limits = limits
        self.is_stopping = False
        self._listener = listener
        self._routes = Routes(app)
        self._threads = Threads()
        self._stopping = asyncio.Event()
        self._at_rest = asyncio.Event()
        """Set while nothing is being answered."""
        self._at_rest.set()
        self._connections: set[Connection] = set()
        self._answering: set[Connection] = set()
        self._waiting: dict[Connection, None] = {}
        """All others, the one that has waited for longest first."""
        self._held_bytes = 0

    async def run(self) -> None:
        """Serve, and return when all clients have been answered or told that they will not be."""
        loop = asyncio.get_running_loop()
        listening = await loop.create_server(
            lambda: Connection(self, loop), sock=self._listener, backlog=BACKLOG
        )
        sweeping = loop.create_task(self._sweep())
        await self._stopping.wait()
        listening.close()
        await self._end_all()
        sweeping.cancel()

    def stop(self) -> None:
        """Take no more requests, and end those there are."""
        self.is_stopping = True
        self._stopping.set()

    async def _end_all(self) -> None:
        for connection in list(self._connections):
            connection.stop()
        await self._rest(self.limits.wait_grace_s)
        for connection in list(self._answering):
            connection.stop_waiting()
        await self._rest(self.limits.grace_s - self.limits.wait_grace_s)
        for connection in list(self._answering):
            connection.stop_answering()
        flushed_at = asyncio.get_running_loop().time() + FLUSH_S
        while self._connections and asyncio.get_running_loop().time() < flushed_at:
            await asyncio.sleep(0.01)
        for connection in list(self._connections):
            connection.abort()
        await asyncio.sleep(0)  # in which their ends are told to the threads that still answer them

    async def _rest(self, seconds: float) -> None:
        """Wait until nothing is being answered, but not longer."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._at_rest.wait(), seconds)

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_S)
            now = loop.time()
            for connection in list(self._connections):
                connection.check(now)

    # What connections have in common: see House

    def lane_of(self, asked: Asked) -> Lane:
        return self._routes.lane_of(asked.method, asked.path)

    def submit(self, lane: Lane, task: Task) -> None:
        self._threads.submit(lane, task)

    def take_room(self, more_bytes: int) -> bool:
        if self._held_bytes + more_bytes > self.limits.bodies_bytes:
            return False
        self._held_bytes += more_bytes
        return True

    def give_room(self, held_bytes: int) -> None:
        self._held_bytes -= held_bytes

    def opened(self, connection: Connection) -> None:
        self._connections.add(connection)
        if len(self._connections) > self.limits.connections:
            oldest = next(iter(self._waiting))
            if oldest is connection:
                connection.turn_away()
            else:
                oldest.abort()
                self.closed(oldest)

    def waits(self, connection: Connection) -> None:
        self._waiting.pop(connection, None)
        self._waiting[connection] = None
        self._has_answered(connection)

    def answers(self, connection: Connection) -> None:
        self._waiting.pop(connection, None)
        self._answering.add(connection)
        self._at_rest.clear()

    def closed(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._waiting.pop(connection, None)
        self._has_answered(connection)

    def _has_answered(self, connection: Connection) -> None:
        self._answering.discard(connection)
        if not self._answering:
            self._at_rest.set()


def serve(app: Flask, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; a second one ends the process at once.

    raises  OSError if the address can't be listened on
    """
    exempt_all_so_far()
    sys.setswitchinterval(SWITCH_S)
    open_files = raise_open_files()
    limits = Limits()
    limits = replace(limits, connections=min(limits.connections, connections_for(open_files)))
    with listen(host, port) as listener:
        log.info("listening on %s port %d", *listener.getsockname()[:2])
        asyncio.run(serve_until_signal(Server(app, listener, limits)))
    log.info("stopped")


async def serve_until_signal(server: Server) -> None:
    loop = asyncio.get_running_loop()

    def stop(number: int) -> None:
        log.info("stopping")
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)
        server.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
    await server.run()


def listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = host == "::" and socket.has_dualstack_ipv6()
    return socket.create_server((host, port), family=family, backlog=BACKLOG, dualstack_ipv6=both)


def raise_open_files() -> int:
    """Allow this process as many open files as it may allow itself; returns how many."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Some systems say that there is no limit, and yet refuse to set none.
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 2**20 if allowed == resource.RLIM_INFINITY else allowed


def connections_for(open_files: int) -> int:
    """Connections that leave enough files for everything else."""
    return max(open_files - OTHER_FILES, open_files // 4)
