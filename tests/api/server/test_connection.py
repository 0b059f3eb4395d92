"""Requests as clients send them, right and wrong, and what the server makes of them."""

import json
import re
import socket
from collections.abc import Iterator

import pytest
from flask import Flask, Response, jsonify, request

from api.server.limits import Limits
from tests.api.server.serving import RawClient, Served, serving, small_app
from tests.waiting import PATIENCE_S

LIMITS = Limits(
    body_bytes=10_000,
    request_line_bytes=2000,
    head_bytes=4000,
    header_fields=20,
    grace_s=0,
    linger_s=PATIENCE_S,  # in which a client that is refused sends the rest, however long the machine takes
)
BIG = "a" * 10_001


def views() -> Flask:
    app = small_app()

    @app.route("/echo", methods=["GET", "POST"])
    def echo() -> Response:
        return Response(request.get_data() or b"nothing")

    @app.get("/environ")
    def environ() -> Response:
        return jsonify({name: value for name, value in request.environ.items() if isinstance(value, str)})

    @app.post("/empty")
    def empty() -> tuple[str, int]:
        return "", 204

    @app.get("/dated")
    def dated() -> Response:
        return Response("a file", headers={"date": "Sun, 29 Nov 2026 09:36:06 GMT"})

    return app


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving(views(), LIMITS) as served:
        yield served


@pytest.fixture
def client(served: Served) -> Iterator[RawClient]:
    with RawClient(served.port) as client:
        yield client


def test_a_connection_serves_one_request_after_the_other(client: RawClient) -> None:
    for body in ("one", "two", "three"):
        response = client.post("/echo", body).response()
        assert (response.status, response.body) == (200, body.encode())
        assert "connection" not in response.headers


def test_requests_that_are_sent_together_are_answered_in_their_order(client: RawClient) -> None:
    for number in range(20):
        client.post("/echo", f"number {number}")
    assert [client.response().body for _ in range(20)] == [
        f"number {number}".encode() for number in range(20)
    ]


def test_a_request_that_comes_byte_by_byte_is_answered(client: RawClient) -> None:
    for byte in b"POST /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\n\r\nhello":
        client.send(bytes([byte]))
    assert client.response().body == b"hello"


def test_a_chunked_body_is_read_whole(client: RawClient) -> None:
    client.start_post("/echo", "Transfer-Encoding: chunked").send("5\r\nhello\r\n").send("1;x=y\r\n!\r\n")
    assert client.send("0\r\nTrailer: 1\r\n\r\n").response().body == b"hello!"
    assert client.get("/echo").response().body == b"nothing"


def test_a_response_to_head_has_the_length_and_no_body(client: RawClient) -> None:
    response = client.send("HEAD /echo HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").response("HEAD")
    assert (response.status, response.headers["content-length"], response.body) == (200, "7", b"")
    assert client.get("/echo").response().body == b"nothing"


def test_a_response_without_content_is_followed_by_the_next(client: RawClient) -> None:
    assert client.post("/empty", "").response().status == 204
    assert client.get("/echo").response().status == 200


def test_a_client_of_http_1_0_is_answered_and_left(client: RawClient) -> None:
    response = client.send("GET /echo HTTP/1.0\r\n\r\n").response()
    assert (response.status, response.headers["connection"]) == (200, "close")
    assert client.sees_close()


def test_a_client_that_sends_no_more_is_still_answered(client: RawClient) -> None:
    assert client.post("/echo", "the last").half_close().response().body == b"the last"
    assert client.sees_close()


def test_a_client_that_asks_to_close_is_answered_and_left(client: RawClient) -> None:
    assert client.get("/echo", "Connection: close").response().headers["connection"] == "close"
    assert client.sees_close()


@pytest.mark.parametrize("protocol", ["h2c", "websocket"])
def test_an_offer_of_another_protocol_is_answered_in_this_one(client: RawClient, protocol: str) -> None:
    for _ in range(2):
        response = client.get("/echo", "Connection: Upgrade", f"Upgrade: {protocol}").response()
        assert (response.status, response.body) == (200, b"nothing")


def test_every_response_has_a_date(client: RawClient) -> None:
    assert re.fullmatch(
        r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT", client.get("/echo").response().headers["date"]
    )


def test_a_client_that_waits_for_100_continue_is_told_to_go_on(client: RawClient) -> None:
    client.start_post("/echo", "Content-Length: 5", "Expect: 100-continue")
    assert client.socket.recv(65536).startswith(b"HTTP/1.1 100 ")
    assert client.send("hello").response().body == b"hello"


def test_a_client_that_waits_with_too_large_a_body_is_refused_before_it_sends_it(client: RawClient) -> None:
    response = client.start_post("/echo", "Content-Length: 10001", "Expect: 100-continue").response()
    assert (response.problem["status"], client.informational_statuses) == (413, [])


# What the application gets


def environ_of(client: RawClient, path: str, *headers: str) -> dict[str, str]:
    response = client.get(path, *headers).response()
    assert response.status == 200
    return dict(json.loads(response.body))


def test_the_application_hears_of_path_query_and_peer(client: RawClient) -> None:
    environ = environ_of(client, "/en%76iron?a=%20b&c")
    assert (environ["PATH_INFO"], environ["QUERY_STRING"]) == ("/environ", "a=%20b&c")
    assert (environ["REMOTE_ADDR"], environ["SERVER_PROTOCOL"]) == ("127.0.0.1", "HTTP/1.1")
    assert environ["REMOTE_PORT"] == str(client.socket.getsockname()[1])
    assert environ["SCRIPT_NAME"] == ""


def test_repeated_headers_are_joined_and_cookies_as_one_cookie(client: RawClient) -> None:
    environ = environ_of(client, "/environ", "X-A: 1", "x-a: 2", "Cookie: a=1", "Cookie: b=2")
    assert (environ["HTTP_X_A"], environ["HTTP_COOKIE"]) == ("1,2", "a=1; b=2")


def test_a_header_with_an_underscore_is_not_taken_for_one_with_a_dash(client: RawClient) -> None:
    environ = environ_of(client, "/environ", "X_Forwarded_For: 1.2.3.4", "Script_Name: /x")
    assert "HTTP_X_FORWARDED_FOR" not in environ
    assert environ["SCRIPT_NAME"] == ""


def test_a_whole_url_may_be_asked_for_and_its_host_counts(client: RawClient) -> None:
    environ = environ_of(client, "http://elsewhere:8000/environ?a=1", "X-A: 1")
    assert (environ["PATH_INFO"], environ["QUERY_STRING"]) == ("/environ", "a=1")
    assert environ["HTTP_HOST"] == "elsewhere:8000"


# What the server refuses by itself


HEAD = "GET /echo HTTP/1.1\r\nHost: 127.0.0.1\r\n"

REFUSED = {
    "no HTTP": ("hello\r\n\r\n", 400),
    "TLS": ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "no request line": ("\r\n\r\n\r\n", 400),
    "no Host": ("GET /echo HTTP/1.1\r\n\r\n", 400),
    "two Hosts": (HEAD + "Host: other\r\n\r\n", 400),
    "a header without a colon": (HEAD + "nothing\r\n\r\n", 400),
    "a header's name with a space": (HEAD + "X Y: 1\r\n\r\n", 400),
    "a path without a slash": ("GET echo HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400),
    "a query alone": ("GET ?a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400),
    "not ASCII": ("GET /ech\xf6 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400),
    "two lengths": (HEAD + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
    "a length that is none": (HEAD + "Content-Length: -1\r\n\r\n", 400),
    "a length and chunks": (HEAD + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "a chunk without a size": (HEAD + "Transfer-Encoding: chunked\r\n\r\nhello\r\n", 400),
    "a chunk that is longer than it says": (HEAD + "Transfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n", 400),
    "a negative chunk": (HEAD + "Transfer-Encoding: chunked\r\n\r\n-1\r\n", 400),
    "too long a body": (HEAD + "Content-Length: 10001\r\n\r\n", 413),
    "too long a chunked body": (HEAD + f"Transfer-Encoding: chunked\r\n\r\n2711\r\n{BIG}\r\n", 413),
    "too long chunks": (HEAD + "Transfer-Encoding: chunked\r\n\r\n" + f"bb8\r\n{BIG[:3000]}\r\n" * 4, 413),
    "too long a line": (f"GET /echo?{'a' * 3000} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 414),
    "a line without an end": ("GET /echo?" + "a" * 5000, 414),
    "another expectation": (HEAD + "Expect: 200-ok\r\n\r\n", 417),
    "too many headers": (HEAD + "".join(f"X-{number}: 1\r\n" for number in range(20)) + "\r\n", 431),
    "too long a header": (HEAD + f"X-A: {'a' * 4000}\r\n\r\n", 431),
    "a header without an end": (HEAD + f"X-A: {'a' * 5000}", 431),
    "another transfer encoding": (HEAD + "Transfer-Encoding: gzip\r\n\r\n", 501),
    "HTTP/2": ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
}


@pytest.mark.parametrize(("request_text", "status"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_request_is_refused_as_a_problem(
    client: RawClient, request_text: str, status: int
) -> None:
    response = client.send(request_text).response()
    assert response.problem.keys() == {"type", "title", "status", "detail", "instance"}
    assert response.status == status
    assert len(response.problem["detail"]) < 300
    assert re.fullmatch(r"[0-9a-f]{32}", response.headers["x-request-id"])
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["connection"] == "close"
    assert client.sees_close()


@pytest.mark.parametrize(("request_text", "status"), REFUSED.values(), ids=REFUSED)
def test_it_is_refused_the_same_when_it_comes_in_pieces(
    client: RawClient, request_text: str, status: int
) -> None:
    client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    encoded = request_text.encode("latin-1")
    for begin in range(0, len(encoded), 700):
        try:
            client.send(encoded[begin : begin + 700])
        except ConnectionError:  # it has been refused, and closed, before its end
            break
    assert client.response().problem["status"] == status


SHORT = {
    "head": "GET /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Ha",
    "line": "GET /ec",
    "body": HEAD + 'Content-Length: 10\r\n\r\n{"a": 1}',
    "chunk": HEAD + "Transfer-Encoding: chunked\r\n\r\nff\r\nhello",
    "last chunk": HEAD + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
}


@pytest.mark.parametrize("request_text", SHORT.values(), ids=SHORT)
def test_a_request_that_ends_too_early_is_refused(client: RawClient, request_text: str) -> None:
    response = client.send(request_text).half_close().response()
    assert response.problem["status"] == 400
    assert client.sees_close()


def test_a_refusal_has_the_id_and_the_path_of_the_request(client: RawClient) -> None:
    response = client.start_post("/ech%C3%B6?a", "Content-Length: 10001", "X-Request-ID: mine-1").response()
    assert response.headers["x-request-id"] == "mine-1"
    assert response.problem["instance"] == "/ech%C3%B6"


def test_a_refusal_says_once_that_the_connection_closes(client: RawClient) -> None:
    client.start_post("/echo", "Content-Length: 5", "Transfer-Encoding: chunked").send("0\r\n\r\n")
    with client.socket.makefile("rb") as response:
        assert response.read().lower().count(b"connection: close") == 1


def test_an_id_that_is_not_fit_for_a_log_is_replaced(client: RawClient) -> None:
    response = client.start_post("/echo", "Content-Length: 10001", "X-Request-ID: a b{}").response()
    assert re.fullmatch(r"[0-9a-f]{32}", response.headers["x-request-id"])


def test_the_rest_of_a_refused_body_is_not_taken_for_the_next_request(client: RawClient) -> None:
    hidden = f"{BIG}GET /environ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    assert client.post("/echo", hidden).response().status == 413
    assert client.sees_close()


def test_a_client_that_sends_a_whole_body_before_it_listens_hears_why_it_was_refused(
    client: RawClient,
) -> None:
    """More than the socket's buffers hold: it would be cut off if nobody took it."""
    assert client.post("/echo", b"a" * 20_000_000).response().status == 413


def test_a_refused_head_request_has_no_body(client: RawClient) -> None:
    client.send("HEAD /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10001\r\n\r\n")
    response = client.response("HEAD")
    assert (response.status, response.body) == (413, b"")
    assert client.sees_close()


def test_a_connection_that_is_closed_without_a_word_is_no_request(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    with RawClient(served.port) as silent, RawClient(served.port) as other:
        silent.half_close()
        assert silent.sees_close()
        assert other.get("/echo").response().status == 200
    assert "refused" not in caplog.text


def test_a_response_that_its_view_has_dated_has_one_date(client: RawClient) -> None:
    received = client.get("/dated").receive_until(b"a file")
    assert received.lower().count(b"\r\ndate: ") == 1
