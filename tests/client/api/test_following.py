"""Events across outages, deadlines, and the end."""

from collections.abc import Callable

import pytest

from client.api.following import Stream, follow
from client.api.outage import RECONNECT_S
from client.errors import ApiError, TimedOut, Unreachable
from client.http.event_stream import POSITION, StreamEvent
from client.http.transport import StreamOver

Heard = StreamEvent | None | Exception


class Service:
    """Connections that are given beforehand; `asked` is what each began behind, and its silence."""

    def __init__(self, *connections: list[Heard]) -> None:
        self.connections = list(connections)
        self.asked: list[tuple[str | None, float]] = []
        self.now_s = 0.0
        self.slept_s: list[float] = []

    def connect(self, after: str | None, silence_s: float) -> Stream:
        self.asked.append((after, silence_s))
        for heard in self.connections.pop(0):
            if isinstance(heard, Exception):
                raise heard
            yield heard

    def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.now_s += seconds

    def events(self, timeout_s: float | None = None, after: str | None = None) -> list[str]:
        events = follow(
            self.connect,
            lambda event: event.name == "last",
            after=after,
            patience_s=60,
            timeout_s=timeout_s,
            sleep=self.sleep,
            clock=lambda: self.now_s,
        )
        return [event.name for event in events]


def event(name: str, event_id: str | None = None) -> StreamEvent:
    return StreamEvent(name, {}, event_id)


def test_a_connection_that_ends_is_opened_again_behind_the_last_event_with_an_id() -> None:
    service = Service(
        [None, event("a", "1"), event("progress")],
        [event(POSITION, "7")],
        [Unreachable("away")],
        [event("last", "9"), event("never")],
    )
    assert service.events() == ["a", "progress", "last"]
    assert [after for after, _ in service.asked] == [None, "1", "7", "7"]
    assert service.slept_s == [RECONNECT_S] * 3


def test_a_stream_that_is_over_ends_without_an_error() -> None:
    assert Service([event("a", "1")], [StreamOver()]).events() == ["a"]


@pytest.mark.parametrize(
    ("error", "pause_s"),
    [
        (ApiError(503, "Service Unavailable", retry_after_s=7), 7),
        (ApiError(503, "Service Unavailable", retry_after_s=3600), 30),
        (ApiError(502, "Bad Gateway"), RECONNECT_S),
    ],
)
def test_a_service_that_names_a_time_is_left_alone_for_it(error: ApiError, pause_s: float) -> None:
    service = Service([error], [event("last")])
    assert service.events() == ["last"]
    assert service.slept_s == [pause_s]


def test_an_outage_that_lasts_too_long_is_raised_and_each_answer_begins_a_new_one() -> None:
    away: Callable[[], list[Heard]] = lambda: [ApiError(503, "away", retry_after_s=29)]  # noqa: E731
    service = Service(away(), away(), [None], away(), away(), away(), away())
    with pytest.raises(ApiError, match="503 away"):
        service.events()
    assert len(service.connections) == 0


@pytest.mark.parametrize("status", [401, 404, 422])
def test_an_answer_that_will_not_change_is_raised_at_once(status: int) -> None:
    service = Service([ApiError(status, "no")])
    with pytest.raises(ApiError):
        service.events()
    assert service.slept_s == []


def test_the_time_is_over_when_it_is_over_also_on_a_stream_that_is_alive() -> None:
    service = Service([], [], [])

    def alive(after: str | None, silence_s: float) -> Stream:
        service.asked.append((after, silence_s))
        yield None
        while silence_s > 15:
            service.now_s += 15
            silence_s = 45 if len(service.asked) == 1 else silence_s - 15
            yield None
        service.now_s += silence_s
        raise Unreachable("it takes too long")

    service.connect = alive  # type: ignore[method-assign]
    with pytest.raises(TimedOut, match="in 20 s"):
        service.events(timeout_s=20)
    assert [silence_s for _, silence_s in service.asked] == [20, pytest.approx(4.5)]
    assert service.now_s <= 21


def test_the_time_is_over_also_while_event_after_event_comes() -> None:
    service = Service()

    def busy(after: str | None, silence_s: float) -> Stream:
        while service.now_s < 1000:
            service.now_s += 1
            yield event("progress")

    service.connect = busy  # type: ignore[method-assign]
    with pytest.raises(TimedOut):
        service.events(timeout_s=5)
    assert service.now_s <= 6


def test_a_time_of_nothing_asks_nothing() -> None:
    service = Service()
    with pytest.raises(TimedOut):
        service.events(timeout_s=0)
    assert service.asked == []
