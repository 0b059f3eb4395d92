"""A client of a stream that comes back whenever it breaks, as a browser does."""

import json
import threading
from collections.abc import Iterator
from contextlib import suppress

import httpx2

from tests.waiting import PATIENCE_S

RETRY_S = 0.2


class PersistentFollower:
    """Follows until the stream says that it is over, or `close`.

    events    ids and types of all that has come with an id
    breaks    how often the stream has broken, or could not be had
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self.events: list[tuple[int, str]] = []
        self.breaks = 0
        self.has_begun = threading.Event()
        self._last_event_id: str | None = None
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        while not self._is_over.is_set():
            with suppress(httpx2.TransportError):
                self._read()
            self.breaks += 1
            self._is_over.wait(RETRY_S)

    def _read(self) -> None:
        headers = {"Accept": "text/event-stream"}
        if self._last_event_id is not None:
            headers["Last-Event-ID"] = self._last_event_id
        with httpx2.stream(
            "GET", self._url, headers=headers, timeout=30, trust_env=False, verify=False
        ) as response:
            if response.status_code == 204:
                self._is_over.set()
            if response.status_code == 200:
                self._read_lines(response.iter_lines())

    def _read_lines(self, lines: Iterator[str]) -> None:
        event_id = None
        for line in lines:
            field, _, value = line.partition(": ")
            if field == "id":
                event_id = self._last_event_id = value
                self.has_begun.set()
            elif field == "data" and event_id is not None:
                self.events.append((int(event_id), json.loads(value)["type"]))
            elif not line:
                event_id = None
            if self._is_over.is_set():
                return

    def wait_until_over(self) -> None:
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), "the stream goes on"

    def close(self) -> None:
        """Ends with the next line at the latest: a heartbeat, if nothing else happens."""
        self._is_over.set()
