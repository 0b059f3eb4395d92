"""The HTTP server: an event loop that holds the connections, and thread pools that run the application.

A connection that is idle, slow or half-sent costs a file and a few kilobytes, never a thread: the loop reads
requests and sends responses, and runs nothing of the application. The way of a request through the files:

    event loop   server           accepts the connection
                 connection       one client's: its states and timeouts, from request to request
                 request_reader   bytes -> head and body, by h11 and within `limits`; `rejections` for all
                                  else
                 environ          the head becomes a WSGI environment, the body its `wsgi.input`
                                  (`body_stream`)
                 pools            which thread pool the request's view runs in
    thread       threads          takes the request from the pool's queue
                 cycle            calls the application, Flask's, and takes its response
                 response_writer  hands the response over to the event loop
    event loop   connection       sends it, by h11, and waits for the next request
"""

import asyncio
import logging
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import replace

from flask import Flask

from api.server.connection import Connection
from api.server.limits import Limits
from api.server.open_files import max_connections, raise_open_files_limit
from api.server.state import ServerState
from jobs.process.garbage import freeze_existing_objects

log = logging.getLogger(__name__)

TIMEOUT_CHECK_INTERVAL_S = 0.5
FLUSH_S = 1
"""When the service stops: for the last responses to be sent."""
BACKLOG = 1024
"""Connections that the system completes and holds until they are accepted."""
ACCEPTS_PER_TURN = 16
"""Connections that are accepted before the event loop turns to others: it would accept a whole backlog."""
SWITCH_INTERVAL_S = 0.001
"""After which a thread that computes gives up the interpreter's lock. A light request waits for the lock
several times, and Python's own 5 ms add up."""


class Server:
    """Serves `app` until `stop` is called.

    listener  bound, and listening
    """

    def __init__(self, app: Flask, listener: socket.socket, limits: Limits) -> None:
        self.state = ServerState(app, limits)
        self._listener = listener
        self._stop_requested = asyncio.Event()

    async def run(self) -> None:
        """Serve, and return after `stop` once every client has its response, or a 503."""
        loop = asyncio.get_running_loop()
        asyncio_server = await loop.create_server(
            lambda: Connection(self.state, loop), sock=self._listener, backlog=ACCEPTS_PER_TURN
        )
        # To asyncio both are one number.
        self._listener.listen(BACKLOG)
        timeout_checks = loop.create_task(self._check_timeouts())
        await self._stop_requested.wait()
        asyncio_server.close()
        await self._shut_down()
        timeout_checks.cancel()

    def stop(self) -> None:
        """Take no more requests, and end those there are."""
        self.state.is_stopping = True
        self._stop_requested.set()

    async def _shut_down(self) -> None:
        connections, limits = self.state.connections, self.state.limits
        for connection in connections.open():
            connection.stop()
        await self._wait_until_none_busy(limits.generation_grace_s)
        for connection in connections.busy():
            connection.stop_generation()
        await self._wait_until_none_busy(limits.grace_s - limits.generation_grace_s)
        for connection in connections.busy():
            connection.stop_cycle()
        loop = asyncio.get_running_loop()
        flushed_at = loop.time() + FLUSH_S
        while connections.open() and loop.time() < flushed_at:
            await asyncio.sleep(0.01)
        for connection in connections.open():
            connection.abort()
        await asyncio.sleep(0)  # lets `connection_lost` run, which ends what their threads wait for

    async def _wait_until_none_busy(self, timeout_s: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.state.connections.none_busy.wait(), timeout_s)

    async def _check_timeouts(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(TIMEOUT_CHECK_INTERVAL_S)
            now = loop.time()
            for connection in self.state.connections.open():
                connection.check_timeouts(now)


def serve(app: Flask, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; a second one ends the process at once.

    raises  OSError if the address can't be listened on
    """
    freeze_existing_objects()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    limits = Limits()
    limits = replace(limits, connections=min(limits.connections, max_connections(raise_open_files_limit())))
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
    dual_stack = host == "::" and socket.has_dualstack_ipv6()
    return socket.create_server((host, port), family=family, backlog=BACKLOG, dualstack_ipv6=dual_stack)
