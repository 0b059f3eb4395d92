"""What happens, for all streams of a process: the newest events, who wants them, and pages of earlier ones.

All of it belongs to the server's event loop, but for what the reader's thread and those that read pages do.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import current_app

from api.live.doorbell import UNAVAILABLE
from api.live.live_event import LiveEvent, live_events
from api.live.reader import Batch, Reader
from api.server.pools import PoolConfig
from api.server.threads import ThreadPools
from jobs.store.credentials import Credential, still_accepted
from jobs.store.database import Database
from jobs.store.events import last_event_id, list_events

if TYPE_CHECKING:
    from api.live.event_stream import EventStream

log = logging.getLogger(__name__)

EXTENSION = "pretrain-events"
RECENT = 1000
"""Events in memory. A stream that is further behind reads pages from the database."""
PAGE = 100
PAGES = PoolConfig("event pages", 4)
PAGE_RETRY_S = 0.5
CREDENTIALS_INTERVAL_S = 2.0
"""Between two looks whether the tokens and sessions by which clients were let in are still accepted."""


@dataclass(frozen=True)
class EventPage:
    events: list[LiveEvent]
    up_to: int
    """Everything that its stream wants and has an id up to this one is in this page, or in those before."""


class EventFeed:
    """Reads nothing while there are no streams."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._threads = ThreadPools()
        self._streams: set[EventStream] = set()
        self._reader: Reader | None = None
        self._recent: deque[LiveEvent] = deque()
        self._complete_since: int | None = None
        """All events later than this one are in `_recent`, up to what the reader has come to; None until it
        has begun."""
        self._credentials_timer: asyncio.TimerHandle | None = None
        self.progress: dict[str, LiveEvent] = {}
        """By job, of those that run."""

    def join(self, stream: "EventStream") -> None:
        self._loop = asyncio.get_running_loop()
        self._streams.add(stream)
        if self._reader is None:
            self._reader = Reader(self._database, self._deliver)
            self._await_check(self._reader)

    def leave(self, stream: "EventStream") -> None:
        self._streams.discard(stream)
        if not self._streams and self._reader is not None:
            self._reader.stop()
            self._reader = None
            assert self._credentials_timer is not None
            self._credentials_timer.cancel()
            self._recent.clear()
            self._complete_since = None
            self.progress = {}

    @property
    def has_begun(self) -> bool:
        return self._complete_since is not None

    def later_than(self, event_id: int) -> list[LiveEvent] | None:
        """The events after that one, in order; None if not all of them are at hand."""
        if self._complete_since is None or event_id < self._complete_since:
            return None
        later = []
        for event in reversed(self._recent):
            if event.id <= event_id:
                break
            later.append(event)
        return later[::-1]

    def request_page(self, stream: "EventStream", job_id: str | None, after: int) -> None:
        """Have a thread read the events after that one, of one job or of all; `stream.receive` gets them."""
        self._threads.submit(PAGES, lambda: self._read_page(stream, job_id, after))

    def _deliver(self, reader: Reader, batch: Batch) -> None:
        """Called in the reader's thread."""
        self._call_in_loop(lambda: self._receive(batch) if reader is self._reader else None)

    def _receive(self, batch: Batch) -> None:
        if self._complete_since is None:
            self._complete_since = batch.up_to
        self._recent.extend(batch.events)
        while len(self._recent) > RECENT:
            self._complete_since = self._recent.popleft().id
        changed: list[LiveEvent] = []
        if batch.progress is not None:
            before, self.progress = self.progress, batch.progress
            changed = [event for job_id, event in batch.progress.items() if before.get(job_id) != event]
        for stream in list(self._streams):
            stream.receive_progress(changed)
            stream.send_what_is_new()

    def _await_check(self, reader: Reader) -> None:
        """Have the credentials looked at when it is time.

        reader  that of the streams there are: once it has been stopped, the look after it is another's
        """
        if reader is self._reader:
            self._credentials_timer = self._loop.call_later(
                CREDENTIALS_INTERVAL_S, lambda: self._check_credentials(reader)
            )

    def _check_credentials(self, reader: Reader) -> None:
        credentials = {stream.credential for stream in self._streams}
        self._threads.submit(PAGES, lambda: self._read_credentials(reader, credentials))

    def _read_credentials(self, reader: Reader, credentials: set[Credential]) -> None:
        """Called in a thread of its own. While the database does not answer, what it has said last holds; the
        next look waits for this one, so that none pile up."""
        refused: set[Credential] = set()
        try:
            with self._database.read() as session:
                refused = credentials - still_accepted(session, credentials)
        except UNAVAILABLE as error:
            log.warning("the database does not answer, tokens wait: %s", str(error).partition("\n")[0])
        finally:
            self._call_in_loop(lambda: self._end_streams(refused))
            self._call_in_loop(lambda: self._await_check(reader))

    def _end_streams(self, refused: set[Credential]) -> None:
        for stream in list(self._streams):
            if stream.credential in refused:
                stream.stop()

    def _read_page(self, stream: "EventStream", job_id: str | None, after: int) -> None:
        """Called in a thread of its own."""
        try:
            page = read_page(self._database, job_id, after)
        except UNAVAILABLE as error:
            log.warning("the database does not answer, a stream waits: %s", str(error).partition("\n")[0])
            self._call_in_loop(lambda: self._request_again(stream, job_id, after))
            return
        self._call_in_loop(lambda: stream.receive(page))

    def _request_again(self, stream: "EventStream", job_id: str | None, after: int) -> None:
        if stream in self._streams:
            self._loop.call_later(PAGE_RETRY_S, self.request_page, stream, job_id, after)

    def _call_in_loop(self, action: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(action)
        except RuntimeError:  # the server has stopped, and with it all streams
            return


def read_page(database: Database, job_id: str | None, after: int) -> EventPage:
    with database.read() as session:
        up_to = last_event_id(session)  # at first: what is committed meanwhile may be in the page or not
        rows = list_events(session, job_id, after, PAGE)
        events = live_events(session, rows)
    if rows:
        is_full = len(rows) == PAGE
        up_to = rows[-1].id if is_full else max(up_to, rows[-1].id)
    return EventPage(events, up_to)


def event_feed() -> EventFeed:
    """That of the current Flask application."""
    own: EventFeed = current_app.extensions[EXTENSION]
    return own
