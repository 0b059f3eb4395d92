"""A stream of events that is read beside whatever else its reader does."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from queue import SimpleQueue

from client.api.outage import Sleep
from client.http.event_stream import StreamEvent

LOOK_S = 0.1


@dataclass(frozen=True)
class End:
    """Of a stream; None: it was whole."""

    error: Exception | None


class Inbox:
    """What has come of a stream since it was last looked at: a thread waits for it."""

    def __init__(self, stream: Iterator[StreamEvent | None]) -> None:
        self._arrived: SimpleQueue[StreamEvent | End | None] = SimpleQueue()
        threading.Thread(target=self._receive, args=(stream,), daemon=True, name="stream").start()

    def _receive(self, stream: Iterator[StreamEvent | None]) -> None:
        try:
            for event in stream:
                self._arrived.put(event)
        except Exception as error:
            self._arrived.put(End(error))
        else:
            self._arrived.put(End(None))

    def take(self, sleep: Sleep) -> tuple[list[StreamEvent | None], End | None]:
        """Wait until something has come; all of it, with the end if that is reached.

        sleep  is called until then
        """
        events: list[StreamEvent | None] = []
        while self._arrived.empty():
            sleep(LOOK_S)
        while not self._arrived.empty():
            item = self._arrived.get()
            if isinstance(item, End):
                return events, item
            events.append(item)
        return events, None
