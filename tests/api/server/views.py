"""An application whose views wait for the test."""

import logging
import threading
from collections.abc import Callable, Iterator
from functools import wraps

from flask import Response

from api.http.disconnects import client_disconnected
from api.http.pushed import Sink, push_body
from api.server.pools import GENERATIONS, PLOTS, PoolConfig, in_pool
from tests.api.server.serving import small_app
from tests.waiting import PATIENCE_S

log = logging.getLogger(__name__)


class Silence:
    """A body that the event loop sends: nothing, until the client has gone."""

    def start(self, sink: Sink) -> None:
        self._sink = sink
        sink.push(b"begun")

    def resume(self) -> None: ...

    def stop(self) -> None:
        self._sink.end_response()

    def close(self) -> None: ...


class Views:
    def __init__(self) -> None:
        self.app = small_app()
        self.may_finish = threading.Event()
        """Lets views end."""
        self.started: list[str] = []
        """Names of the requests whose view has begun to wait."""
        self.stopped: list[str] = []
        """Names of those whose view has seen its client disconnect, or whose response was closed."""
        self._add("/quick", self.quick, methods=["GET", "POST"])
        self._add("/read/<name>", self.hold)
        self._add("/write/<name>", self.hold, methods=["POST"])
        self._add("/plot/<name>", self.hold, pool=PLOTS)
        self._add("/wait/<name>", self.wait, pool=GENERATIONS)
        self._add("/stream/<name>", self.stream)
        self._add("/pushed", self.pushed)
        self._add("/endless", self.endless)
        self._add("/large", self.large)
        self._add("/fails", self.fails)
        self._add("/breaks", self.breaks)
        self._add("/no-http", self.no_http)

    def _add(
        self,
        rule: str,
        view: Callable[..., Response],
        pool: PoolConfig | None = None,
        methods: list[str] | None = None,
    ) -> None:
        @wraps(view)
        def call(**path: str) -> Response:
            return view(**path)

        self.app.add_url_rule(
            rule, endpoint=rule, view_func=in_pool(pool)(call) if pool else call, methods=methods
        )

    def quick(self) -> Response:
        log.info("quick")
        return Response("quick")

    def hold(self, name: str) -> Response:
        self.started.append(name)
        assert self.may_finish.wait(PATIENCE_S)
        return Response(name)

    def wait(self, name: str) -> Response:
        self.started.append(name)
        while not self.may_finish.wait(0.05):
            if client_disconnected():
                self.stopped.append(name)
                break
        return Response(name)

    def stream(self, name: str) -> Response:
        def pieces() -> Iterator[bytes]:
            yield b"first "
            self.started.append(name)
            while not self.may_finish.wait(0.05):
                if client_disconnected():
                    self.stopped.append(name)
                    return
            log.info("streamed")
            yield b"last"

        return Response(pieces())

    def pushed(self) -> Response:
        push_body(Silence())
        return Response(iter(()))

    def endless(self) -> Response:
        def pieces() -> Iterator[bytes]:
            self.started.append("endless")
            try:
                while True:
                    yield b"a" * 65536
            finally:
                self.stopped.append("endless")

        return Response(pieces())

    def large(self) -> Response:
        return Response(b"a" * 5_000_000)

    def fails(self) -> Response:
        def pieces() -> Iterator[bytes]:
            yield from ()
            raise RuntimeError("before anything")

        return Response(pieces())

    def breaks(self) -> Response:
        def pieces() -> Iterator[bytes]:
            yield b"some"
            raise RuntimeError("in the middle")

        return Response(pieces())

    def no_http(self) -> Response:
        return Response([b"s"], headers=[("Content-Length", "5")])
