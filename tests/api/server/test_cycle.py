"""What a view learns of its client, what the client sees of errors, and what the log has of both."""

import logging
from collections.abc import Iterator

import pytest
import structlog

from api.server.pools import READS
from tests.api.server.conftest import Start
from tests.api.server.serving import RawClient
from tests.api.server.views import Views
from tests.waiting import wait_until


@pytest.mark.parametrize("leave", [RawClient.reset, RawClient.close])
@pytest.mark.parametrize("path", ["/wait", "/stream"])
def test_a_view_that_waits_hears_that_its_client_has_gone(
    start: Start, views: Views, path: str, leave: object
) -> None:
    served = start()
    clients = [RawClient(served.port) for _ in range(3)]
    for name, client in zip("abc", clients, strict=True):
        client.get(f"{path}/{name}")
    wait_until(lambda: len(views.started) == 3, "all were under way")
    leave(clients[1])  # type: ignore[operator]
    wait_until(lambda: views.stopped == ["b"], "it heard")
    views.may_finish.set()
    assert [clients[number].response().status for number in (0, 2)] == [200, 200]
    assert views.stopped == ["b"]
    for client in clients:
        client.close()


def test_a_stream_comes_piece_by_piece(start: Start, views: Views) -> None:
    served = start()
    with RawClient(served.port) as client:
        client.get("/stream/a")
        client.receive_until(b"first ")
        views.may_finish.set()
        client.receive_until(b"last")


def test_a_stream_is_followed_by_the_next_request(start: Start, views: Views) -> None:
    views.may_finish.set()
    served = start()
    with RawClient(served.port) as client:
        client.get("/stream/a").get("/quick")
        assert [client.response().body, client.response().body] == [b"first last", b"quick"]


def test_a_response_that_fails_before_its_first_piece_is_an_error(start: Start) -> None:
    served = start()
    with RawClient(served.port) as client:
        response = client.get("/fails", "X-Request-ID: mine").response()
        assert "its log has the reason under this X-Request-ID" in response.problem["detail"]
        assert (response.status, response.headers["x-request-id"]) == (500, "mine")


def test_a_response_that_fails_in_the_middle_is_cut_off_not_ended(start: Start) -> None:
    served = start()
    with RawClient(served.port) as client, pytest.raises((AssertionError, ConnectionResetError)):
        client.get("/breaks").response()


def test_a_response_of_another_length_than_it_says_is_cut_off(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    served = start()
    with RawClient(served.port) as client, pytest.raises((AssertionError, ConnectionResetError)):
        client.get("/no-http").response()
    wait_until(lambda: "the response can't be sent" in caplog.text, "the log said so")
    with RawClient(served.port) as client:
        assert client.get("/quick").response().status == 200


# The log


Line = tuple[str, str | None]


@pytest.fixture
def lines() -> Iterator[list[Line]]:
    """What is logged: messages, and the ids of the requests that they say they belong to."""
    logged: list[Line] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            context = structlog.contextvars.get_contextvars()
            logged.append((record.getMessage(), getattr(record, "request_id", context.get("request_id"))))

    handler = Handler()
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield logged
    root.removeHandler(handler)
    root.setLevel(level)


def ids(lines: list[Line], message: str) -> list[str | None]:
    return [request_id for text, request_id in lines if message in text]


def test_what_a_view_logs_has_its_requests_id_also_while_it_is_sent(
    start: Start, views: Views, lines: list[Line]
) -> None:
    views.may_finish.set()
    served = start()
    with RawClient(served.port) as client:
        for number in range(3 * READS.max_threads):
            client.get("/quick", f"X-Request-ID: q{number}").response()
            client.get("/stream/a", f"X-Request-ID: s{number}").response()
    assert [request_id for text, request_id in lines if text == "quick"] == [
        f"q{number}" for number in range(3 * READS.max_threads)
    ]
    assert ids(lines, "streamed") == [f"s{number}" for number in range(3 * READS.max_threads)]


def test_what_the_server_logs_of_a_request_has_its_id(start: Start, lines: list[Line]) -> None:
    served = start(body_bytes=10)
    with RawClient(served.port) as client:
        client.get("/quick", "X-Request-ID: first").response()
        client.start_post("/quick", "X-Request-ID: second", "Content-Length: 11").response()
    assert ids(lines, "refused with 413") == ["second"]
    with RawClient(served.port) as client:
        client.get("/quick", "X-Request-ID: first").response()
        response = client.send("nonsense\r\n\r\n").response()
    assert ids(lines, "refused with 400") == [response.headers["x-request-id"]]
    for path, message in [("/fails", "failed in the middle"), ("/no-http", "can't be sent")]:
        with RawClient(served.port) as client:
            client.get("/quick", "X-Request-ID: first").response()
            client.get(path, "X-Request-ID: second")
            wait_until(lambda message=message: ids(lines, message), "it was logged")
        assert ids(lines, message) == ["second"]


def test_what_a_thread_logs_between_requests_has_no_requests_id(start: Start, views: Views) -> None:
    """The threads are used again; what one bound to its context must not stay."""
    served = start()
    with RawClient(served.port) as client:
        client.get("/quick", "X-Request-ID: first").response()
    seen: list[dict[str, object]] = []
    for _ in range(READS.max_threads):
        served.server.state.threads.submit(
            READS, lambda: seen.append(structlog.contextvars.get_contextvars())
        )
    wait_until(lambda: len(seen) == READS.max_threads, "they had run")
    assert seen == [{}] * READS.max_threads
