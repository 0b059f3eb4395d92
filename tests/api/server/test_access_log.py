"""A line for each request, by the real server."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, Response

from api.server.limits import Limits
from jobs.process.logs import ACCESS_LOGGER
from tests.api.server.serving import RawClient, Served, serving, small_app
from tests.waiting import wait_until

LIMITS = Limits(body_bytes=100, grace_s=0)


def views() -> Flask:
    app = small_app()

    @app.get("/fixed/<path:rest>")
    def fixed(rest: str) -> Response:
        return Response(b"x" * 1000)

    @app.get("/made")
    def made() -> Response:
        return Response(iter([b"a" * 10, b"b" * 10]))

    @app.get("/endless")
    def endless() -> Response:
        def chunks() -> Iterator[bytes]:
            while True:
                yield b"x" * 1000

        return Response(chunks())

    return app


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving(views(), LIMITS) as served:
        yield served


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Any:
    caplog.set_level(logging.INFO, ACCESS_LOGGER)

    def lines() -> list[Any]:
        return [record for record in caplog.records if record.name == ACCESS_LOGGER]

    return lines


def ask(served: Served, request: str) -> None:
    with RawClient(served.port) as client:
        client.send(request)
        client.response()


def test_a_request_is_told_by_method_path_status_time_and_size_but_without_its_query(
    served: Served, lines: Any
) -> None:
    ask(served, "GET /fixed/caf%C3%A9?token=secret HTTP/1.1\r\nHost: localhost\r\nX-Request-ID: r-1\r\n\r\n")
    [line] = wait_until(lines)
    assert (line.method, line.path, line.status, line.request_id) == ("GET", "/fixed/caf\u00e9", 200, "r-1")
    assert 1000 < line.bytes < 2000
    assert 0 <= line.seconds < 60
    assert line.is_whole
    assert "secret" not in str(vars(line))


def test_a_response_that_is_made_while_it_is_sent_has_its_line_at_its_end(served: Served, lines: Any) -> None:
    ask(served, "GET /made HTTP/1.1\r\nHost: localhost\r\n\r\n")
    [line] = wait_until(lines)
    assert (line.status, line.is_whole) == (200, True)
    assert line.bytes > 20


def test_one_that_the_client_does_not_wait_for_is_not_whole(served: Served, lines: Any) -> None:
    with RawClient(served.port) as client:
        client.send("GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n")
    [line] = wait_until(lines)
    assert (line.path, line.is_whole) == ("/endless", False)


@pytest.mark.parametrize(
    ("request_text", "expected"),
    [
        ("GET /none HTTP/1.1\r\nHost: localhost\r\n\r\n", ("GET", "/none", 404)),
        ("POST /made HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n", ("POST", "/made", 413)),
        ("NONSENSE\r\n\r\n", ("-", "-", 400)),
    ],
)
def test_what_is_refused_has_a_line_too(
    served: Served, lines: Any, request_text: str, expected: tuple[str, str, int]
) -> None:
    ask(served, request_text)
    [line] = wait_until(lines)
    assert (line.method, line.path, line.status) == expected


def test_a_path_is_cut(served: Served, lines: Any) -> None:
    ask(served, f"GET /fixed/{'a' * 3000} HTTP/1.1\r\nHost: localhost\r\n\r\n")
    [line] = wait_until(lines)
    assert len(line.path) == 200
