"""The whole API before a real socket, and a client of its streams that reads as `curl -N` does."""

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import httpx2

from api.server.limits import Limits
from jobs.settings import Settings
from tests.api.conftest import application
from tests.api.server.serving import Served, serving
from tests.waiting import PATIENCE_S, wait_until


@contextmanager
def serving_api(settings: Settings, limits: Limits | None = None) -> Iterator[Served]:
    app = application(settings)
    with serving(app, limits) as served:
        yield served
    app.extensions["pretrain"].database.close()


@dataclass(frozen=True)
class Received:
    name: str
    data: dict[str, Any]
    id: str | None


class Follower:
    """Reads a stream in a thread of its own.

    last_event_id  where it goes on from, as a browser does
    credentials    headers
    """

    def __init__(
        self,
        port: int,
        path: str,
        last_event_id: str | None = None,
        credentials: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.events: list[Received] = []
        self.comments = 0
        self.last_event_id = last_event_id
        """As a browser keeps it."""
        self.has_ended = False
        self.status: int | None = None
        headers = {"Accept": "text/event-stream", **credentials}
        if last_event_id is not None:
            headers["Last-Event-ID"] = last_event_id
        self._url = f"http://127.0.0.1:{port}{path}"
        self._headers = headers
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        try:
            with httpx2.stream(
                "GET", self._url, headers=self._headers, timeout=PATIENCE_S, trust_env=False, verify=False
            ) as response:
                self.status = response.status_code
                self._read_lines(response.iter_lines())
        finally:
            self.has_ended = True

    def _read_lines(self, lines: Iterator[str]) -> None:
        name, data = "message", ""
        event_id: str | None = None
        for line in lines:
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if line.startswith(":"):
                self.comments += 1
            elif field == "id":
                event_id = self.last_event_id = value
            elif field == "event":
                name = value
            elif field == "data":
                data = value
            elif not line:
                if data:
                    self.events.append(Received(name, json.loads(data), event_id))
                name, data, event_id = "message", "", None

    def wait_for(self, condition: Callable[[list[Received]], object], what: str = "the event came") -> None:
        wait_until(lambda: condition(self.events), what)

    def wait_for_end(self) -> None:
        self._thread.join(PATIENCE_S)
        assert self.has_ended, "the stream goes on"

    def named(self, *names: str) -> list[Received]:
        return [event for event in self.events if event.name in names]

    @property
    def statuses(self) -> list[str]:
        return [event.data["data"]["status"] for event in self.named("status")]


def read_nothing(port: int, path: str) -> socket.socket:
    """A client that asks for a stream and never reads."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n".encode())
    return client
