"""One client's stream of events, of a job or of all.

It holds a number, that of the event it has come to, and no events: those come from the feed while the client
reads as fast as they happen, and page by page from the database while it is behind. A client that reads
nothing costs what is buffered for its connection, which the server closes in the end (`Limits.unread_s`); it
goes on from the last event that it has read.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator

from api.http.pushed import Sink
from api.http.streams import HEARTBEAT, HEARTBEAT_S
from api.live.feed import EventFeed, EventPage, read_page
from api.live.live_event import LiveEvent
from api.live.reader import PROGRESS_INTERVAL_S
from jobs.store.credentials import Credential
from jobs.store.database import Database

RETRY_MS = 500
"""After which a browser comes back when the stream has ended, as it does when the service restarts."""

NO_CREDENTIAL = Credential()

Visible = Callable[[LiveEvent], bool]


def everything(event: LiveEvent) -> bool:
    """What a client may see who may see all."""
    return True


def preamble(event_id: int) -> bytes:
    """What a stream begins with: a client that has got nothing else comes back to the same place."""
    return f"retry: {RETRY_MS}\nid: {event_id}\n\n".encode()


class EventStream:
    """A `PushedBody`.

    job_id   of the job whose events they are, and whose end is the stream's; None: those of all
    after    the id of the event that the client has come to
    visible  which events the client may see; asked in the event loop, so it must not wait for anything. The
             stream of a job that may no longer be seen ends
    credential  what the client was let in by; the feed ends the stream when that is no longer accepted
    """

    def __init__(
        self,
        feed: EventFeed,
        job_id: str | None,
        after: int,
        visible: Visible = everything,
        credential: Credential = NO_CREDENTIAL,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self.credential = credential
        self._feed = feed
        self._job_id = job_id
        self._position = after
        self._visible = visible
        self._heartbeat_s = heartbeat_s
        self._sink: Sink | None = None
        """None before it has begun, and after it has ended."""
        self._awaits_page = False
        self._progress: dict[str, LiveEvent] = {}
        """The newest of each job that is still to be sent."""
        self._progress_due_s = 0.0
        self._progress_timer: asyncio.TimerHandle | None = None

    # Called by the server

    def start(self, sink: Sink) -> None:
        self._sink = sink
        self._loop = asyncio.get_running_loop()
        sink.push(preamble(self._position))
        self._sent_s = self._loop.time()
        self._heartbeat = self._loop.call_later(self._heartbeat_s, self._beat)
        self._feed.join(self)
        self.receive_progress(self._feed.progress.values())
        self.send_what_is_new()

    def resume(self) -> None:
        self.send_what_is_new()

    def stop(self) -> None:
        if self._sink is not None:
            self._sink.end_response()

    def close(self) -> None:
        self._sink = None
        self._heartbeat.cancel()
        if self._progress_timer is not None:
            self._progress_timer.cancel()
        self._feed.leave(self)

    # Called by the feed

    def receive_progress(self, events: Iterable[LiveEvent]) -> None:
        self._progress |= {event.job_id: event for event in events if self._is_wanted(event)}

    def receive(self, page: EventPage) -> None:
        self._awaits_page = False
        if self._sink is not None:
            self._position = page.up_to
            self._send(page.events)
            self.send_what_is_new()

    def send_what_is_new(self) -> None:
        """As much as the client has room for; ask for a page where it is too far behind."""
        if self._sink is None or not self._sink.has_room or self._awaits_page or not self._feed.has_begun:
            return
        events = self._feed.later_than(self._position)
        if events is None:
            self._awaits_page = True
            self._feed.request_page(self, self._job_id, self._position)
            return
        if events:
            self._position = events[-1].id
        self._send([*events, *self._take_progress()])

    def _take_progress(self) -> list[LiveEvent]:
        """What there is to be sent of progress now; what comes too early waits."""
        early_s = self._progress_due_s - self._loop.time()
        if early_s <= 0 and self._progress:
            progress, self._progress = self._progress, {}
            self._progress_due_s = self._loop.time() + PROGRESS_INTERVAL_S
            return list(progress.values())
        if self._progress and self._progress_timer is None:
            self._progress_timer = self._loop.call_later(early_s, self._send_progress)
        return []

    def _send_progress(self) -> None:
        self._progress_timer = None
        self.send_what_is_new()

    def _send(self, events: list[LiveEvent]) -> None:
        """Send those that are wanted, and end the response behind the last one of a stream's job."""
        assert self._sink is not None
        wanted = [event for event in events if self._is_wanted(event)]
        if self._job_id is not None:
            end = next((index for index, event in enumerate(wanted) if event.is_last), None)
            wanted = wanted if end is None else wanted[: end + 1]
        if wanted:
            self._sink.push(b"".join(event.encoded for event in wanted))
            self._sent_s = self._loop.time()
        if self._job_id is not None and (self._is_hidden(events) or (wanted and wanted[-1].is_last)):
            self._sink.end_response()

    def _is_hidden(self, events: list[LiveEvent]) -> bool:
        """Whether the stream's job may no longer be seen."""
        return any(event.job_id == self._job_id and not self._visible(event) for event in events)

    def _is_wanted(self, event: LiveEvent) -> bool:
        return self._job_id in (None, event.job_id) and self._visible(event)

    def _beat(self) -> None:
        assert self._sink is not None
        silent_s = self._loop.time() - self._sent_s
        if silent_s >= self._heartbeat_s:
            if self._sink.has_room:
                self._sink.push(HEARTBEAT)
            self._sent_s, silent_s = self._loop.time(), 0
        self._heartbeat = self._loop.call_later(self._heartbeat_s - silent_s, self._beat)


def past_events(
    database: Database, job_id: str | None, after: int, visible: Visible = everything
) -> Iterator[bytes]:
    """What such a stream begins with, for a server that pushes nothing: it ends at present, and the client
    comes back for more."""
    yield preamble(after)
    while True:
        page = read_page(database, job_id, after)
        for event in filter(visible, page.events):
            yield event.encoded
            if job_id is not None and event.is_last:
                return
        if page.up_to <= after or not page.events:
            return
        after = page.up_to
