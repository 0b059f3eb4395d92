"""Streams without a server: on which nothing happens, and whose client has no room."""

import asyncio
import threading
import time

import pytest
from sqlalchemy.orm import Session

from api.http.streams import HEARTBEAT
from api.live import feed
from api.live.event_stream import EventStream
from api.live.feed import EventFeed
from jobs.store.credentials import Credential
from jobs.store.database import Database
from jobs.store.events import record_event
from tests.waiting import PATIENCE_S

HEARTBEAT_S = 0.3


class Sink:
    """Notes what is sent, and when."""

    def __init__(self) -> None:
        self.sent: list[tuple[float, bytes]] = []
        self.has_room = True
        self.has_ended = False

    def push(self, data: bytes) -> None:
        self.sent.append((time.monotonic(), data))

    def end_response(self) -> None:
        self.has_ended = True

    def times_of(self, data: bytes) -> list[float]:
        return [at_s for at_s, sent in self.sent if data in sent]


def test_a_comment_is_sent_whenever_nothing_else_was_for_a_while(database: Database) -> None:
    async def follow() -> None:
        sink = Sink()
        stream = EventStream(EventFeed(database), None, 0, heartbeat_s=HEARTBEAT_S)
        stream.start(sink)
        while len(sink.times_of(HEARTBEAT)) < 2:
            await asyncio.sleep(0.01)
        with database.write() as session:
            record_event(session, "job-1", 1, "log", {})
        while not sink.times_of(b"event: log"):
            await asyncio.sleep(0.01)
        beats = len(sink.times_of(HEARTBEAT))
        while len(sink.times_of(HEARTBEAT)) == beats:
            await asyncio.sleep(0.01)
        stream.close()
        times_s = [at_s for at_s, _ in sink.sent]
        for beat_s in sink.times_of(HEARTBEAT):
            before_s = max(at_s for at_s in times_s if at_s < beat_s)
            assert beat_s - before_s >= HEARTBEAT_S - 0.05

    asyncio.run(follow())


def test_a_client_without_room_gets_none_and_everything_once_it_has_room_again(database: Database) -> None:
    async def follow() -> None:
        shared, slow, fast = EventFeed(database), Sink(), Sink()
        streams = [EventStream(shared, None, 0, heartbeat_s=0.05) for _ in range(2)]
        for stream, sink in zip(streams, (slow, fast), strict=True):
            stream.start(sink)
        slow.has_room = False
        sent = len(slow.sent)
        for number in range(3):
            with database.write() as session:
                record_event(session, "job-1", 1, "log", {"number": number})
        while not (fast.times_of(b'"number": 2') and fast.times_of(HEARTBEAT)):
            await asyncio.sleep(0.01)
        assert len(slow.sent) == sent
        slow.has_room = True
        streams[0].resume()
        while not slow.times_of(b'"number": 2'):
            await asyncio.sleep(0.01)
        for stream in streams:
            stream.close()
        told = b"".join(data for _, data in slow.sent)
        assert [told.count(b'"number": %d' % number) for number in range(3)] == [1, 1, 1]

    asyncio.run(follow())


def test_the_credentials_are_looked_at_again_only_when_the_look_before_is_answered(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "CREDENTIALS_INTERVAL_S", 0.01)
    looks: list[int] = []
    may_answer = threading.Event()

    def wait_to_accept(_: Session, credentials: set[Credential]) -> set[Credential]:
        looks.append(len(credentials))
        may_answer.wait(PATIENCE_S)
        return credentials

    monkeypatch.setattr(feed, "still_accepted", wait_to_accept)

    async def follow() -> None:
        shared = EventFeed(database)
        stream = EventStream(shared, None, 0)
        stream.start(Sink())
        while not looks:
            await asyncio.sleep(0.01)
        await asyncio.sleep(
            50 * feed.CREDENTIALS_INTERVAL_S
        )  # by the clock that would have the next ones made
        assert len(looks) == 1
        may_answer.set()
        while len(looks) < 3:
            await asyncio.sleep(0.01)
        stream.close()

    asyncio.run(follow())
