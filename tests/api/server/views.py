"""An application whose views wait for what a test does."""

import logging
import threading
from collections.abc import Callable, Iterator
from functools import wraps

from flask import Response

from api.http.streams import client_has_gone
from api.server.lanes import PLOTS, WAITS, Lane, in_lane
from tests.api.server.serving import small_app

log = logging.getLogger(__name__)


class Views:
    def __init__(self) -> None:
        self.app = small_app()
        self.go_on = threading.Event()
        """Lets the views that hold or wait end."""
        self.held: list[str] = []
        """What is being held, or has been."""
        self.left: list[str] = []
        """What has heard that its client has gone, or was given up."""
        self._add("/quick", self.quick, methods=["GET", "POST"])
        self._add("/read/<name>", self.hold)
        self._add("/write/<name>", self.hold, methods=["POST"])
        self._add("/plot/<name>", self.hold, lane=PLOTS)
        self._add("/wait/<name>", self.wait, lane=WAITS)
        self._add("/stream/<name>", self.stream)
        self._add("/endless", self.endless)
        self._add("/large", self.large)
        self._add("/fails", self.fails)
        self._add("/breaks", self.breaks)
        self._add("/no-http", self.no_http)

    def _add(
        self,
        rule: str,
        view: Callable[..., Response],
        lane: Lane | None = None,
        methods: list[str] | None = None,
    ) -> None:
        @wraps(view)
        def call(**path: str) -> Response:
            return view(**path)

        self.app.add_url_rule(
            rule, endpoint=rule, view_func=in_lane(lane)(call) if lane else call, methods=methods
        )

    def quick(self) -> Response:
        log.info("quick")
        return Response("quick")

    def hold(self, name: str) -> Response:
        self.held.append(name)
        assert self.go_on.wait(60)
        return Response(name)

    def wait(self, name: str) -> Response:
        self.held.append(name)
        while not self.go_on.wait(0.01):
            if client_has_gone():
                self.left.append(name)
                break
        return Response(name)

    def stream(self, name: str) -> Response:
        def pieces() -> Iterator[bytes]:
            yield b"first "
            self.held.append(name)
            while not self.go_on.wait(0.01):
                if client_has_gone():
                    self.left.append(name)
                    return
            log.info("streamed")
            yield b"last"

        return Response(pieces())

    def endless(self) -> Response:
        def pieces() -> Iterator[bytes]:
            self.held.append("endless")
            try:
                while True:
                    yield b"a" * 65536
            finally:
                self.left.append("endless")

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
