"""What a view hears of its client, what its client sees of its errors, and what the log says of both."""

import logging
from collections.abc import Iterator

import pytest
import structlog

from api.server.lanes import READS
from tests.api.server.conftest import Start
from tests.api.server.serving import Caller
from tests.api.server.views import Views
from tests.waiting import wait_until


@pytest.mark.parametrize("leave", [Caller.cut, Caller.close])
@pytest.mark.parametrize("path", ["/wait", "/stream"])
def test_a_view_that_waits_hears_that_its_client_has_gone(
    start: Start, views: Views, path: str, leave: object
) -> None:
    served = start()
    callers = [Caller(served.port) for _ in range(3)]
    for name, caller in zip("abc", callers, strict=True):
        caller.get(f"{path}/{name}")
    wait_until(lambda: len(views.held) == 3, "all were under way")
    leave(callers[1])  # type: ignore[operator]
    wait_until(lambda: views.left == ["b"], "it heard")
    views.go_on.set()
    assert [callers[number].answer().status for number in (0, 2)] == [200, 200]
    assert views.left == ["b"]
    for caller in callers:
        caller.close()


def test_a_stream_comes_piece_by_piece(start: Start, views: Views) -> None:
    served = start()
    with Caller(served.port) as caller:
        caller.get("/stream/a")
        caller.receive_until(b"first ")
        views.go_on.set()
        caller.receive_until(b"last")


def test_a_stream_is_followed_by_the_next_request(start: Start, views: Views) -> None:
    views.go_on.set()
    served = start()
    with Caller(served.port) as caller:
        caller.get("/stream/a").get("/quick")
        assert [caller.answer().body, caller.answer().body] == [b"first last", b"quick"]


def test_an_answer_that_fails_before_its_first_piece_is_an_error(start: Start) -> None:
    served = start()
    with Caller(served.port) as caller:
        answer = caller.get("/fails", "X-Request-ID: mine").answer()
        assert "its log has the reason under this X-Request-ID" in answer.problem["detail"]
        assert (answer.status, answer.headers["x-request-id"]) == (500, "mine")


def test_an_answer_that_fails_in_the_middle_is_cut_off_not_ended(start: Start) -> None:
    served = start()
    with Caller(served.port) as caller, pytest.raises((AssertionError, ConnectionResetError)):
        caller.get("/breaks").answer()


def test_an_answer_of_another_length_than_it_says_is_cut_off(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    served = start()
    with Caller(served.port) as caller, pytest.raises((AssertionError, ConnectionResetError)):
        caller.get("/no-http").answer()
    wait_until(lambda: "the answer can't be sent" in caplog.text, "the log said so")
    with Caller(served.port) as caller:
        assert caller.get("/quick").answer().status == 200


# The log


Line = tuple[str, str | None]


@pytest.fixture
def lines() -> Iterator[list[Line]]:
    """What is logged: messages, and the ids of the requests that they say they belong to."""
    found: list[Line] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            context = structlog.contextvars.get_contextvars()
            found.append((record.getMessage(), getattr(record, "request_id", context.get("request_id"))))

    handler = Handler()
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield found
    root.removeHandler(handler)
    root.setLevel(level)


def ids(lines: list[Line], message: str) -> list[str | None]:
    return [request_id for text, request_id in lines if message in text]


def test_what_a_view_logs_has_its_requests_id_also_while_it_is_sent(
    start: Start, views: Views, lines: list[Line]
) -> None:
    views.go_on.set()
    served = start()
    with Caller(served.port) as caller:
        for number in range(3 * READS.threads):
            caller.get("/quick", f"X-Request-ID: q{number}").answer()
            caller.get("/stream/a", f"X-Request-ID: s{number}").answer()
    assert ids(lines, "quick") == [f"q{number}" for number in range(3 * READS.threads)]
    assert ids(lines, "streamed") == [f"s{number}" for number in range(3 * READS.threads)]


def test_what_the_server_logs_of_a_request_has_its_id(start: Start, lines: list[Line]) -> None:
    served = start(body_bytes=10)
    with Caller(served.port) as caller:
        caller.get("/quick", "X-Request-ID: first").answer()
        caller.begin("/quick", "X-Request-ID: second", "Content-Length: 11").answer()
    assert ids(lines, "refused with 413") == ["second"]
    with Caller(served.port) as caller:
        caller.get("/quick", "X-Request-ID: first").answer()
        answer = caller.send("nonsense\r\n\r\n").answer()
    assert ids(lines, "refused with 400") == [answer.headers["x-request-id"]]
    for path, message in [("/fails", "failed in the middle"), ("/no-http", "can't be sent")]:
        with Caller(served.port) as caller:
            caller.get("/quick", "X-Request-ID: first").answer()
            caller.get(path, "X-Request-ID: second")
            wait_until(lambda message=message: ids(lines, message), "it was logged")
        assert ids(lines, message) == ["second"]


def test_what_a_thread_logs_between_requests_has_no_requests_id(start: Start, views: Views) -> None:
    """The threads are used again; what one bound to its context must not stay."""
    served = start()
    with Caller(served.port) as caller:
        caller.get("/quick", "X-Request-ID: first").answer()
    seen: list[dict[str, object]] = []
    for _ in range(READS.threads):
        served.server.submit(READS, lambda: seen.append(structlog.contextvars.get_contextvars()))
    wait_until(lambda: len(seen) == READS.threads, "they had run")
    assert seen == [{}] * READS.threads
