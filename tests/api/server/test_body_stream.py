"""Bodies that a view reads while they arrive."""

import threading
from collections.abc import Callable, Iterator

import pytest
from flask import Response, request

from api.server.body_stream import HIGH_WATER_BYTES
from api.server.limits import Limits
from api.server.pools import UPLOADS, in_pool
from tests.api.server.serving import RawClient, Served, serving, small_app
from tests.waiting import PATIENCE_S, wait_until


class Uploads:
    """An application whose views read, or don't, and remember what came and what went wrong."""

    def __init__(self) -> None:
        self.app = small_app()
        for view in (self.upload, self.unread, self.limited):
            self.app.add_url_rule(f"/{view.__name__}", view_func=self.marked(view), methods=["POST"])
        self.pieces: list[bytes] = []
        self.may_read = threading.Event()
        self.may_read.set()
        self.failure: Exception | None = None

    def marked(self, view: Callable[[], Response]) -> Callable[[], Response]:
        def call() -> Response:
            try:
                return view()
            except Exception as error:
                self.failure = error
                raise

        call.__name__ = view.__name__
        return in_pool(UPLOADS)(call)

    def upload(self) -> Response:
        total_bytes = 0
        while self.may_read.wait() and (piece := request.stream.read(65536)):
            total_bytes += len(piece)
            self.pieces.append(piece)
        return Response(str(total_bytes))

    def unread(self) -> Response:
        return Response("not read")

    def limited(self) -> Response:
        request.max_content_length = 1000
        return Response(str(len(request.get_data())))


@pytest.fixture
def uploads() -> Uploads:
    return Uploads()


@pytest.fixture
def body_interval_s() -> float:
    """However long the machine takes between two pieces."""
    return PATIENCE_S


impatient = pytest.mark.parametrize("body_interval_s", [1.0])
"""A server that soon gives up what does not come."""


@pytest.fixture
def served(uploads: Uploads, body_interval_s: float) -> Iterator[Served]:
    limits = Limits(
        body_bytes=10,
        body_interval_s=body_interval_s,
        body_interval_bytes=1000,
        grace_s=0,
        generation_grace_s=0,
        linger_s=PATIENCE_S,
    )
    with serving(uploads.app, limits) as served:
        yield served


@pytest.fixture
def client(served: Served) -> Iterator[RawClient]:
    with RawClient(served.port) as client:
        yield client


def test_a_view_gets_each_part_of_a_body_as_it_comes(uploads: Uploads, client: RawClient) -> None:
    client.start_post("/upload", "Content-Length: 10").send("hello")
    wait_until(lambda: uploads.pieces == [b"hello"], "the view had it")
    assert client.send("world").response().body == b"10"


def test_a_view_gets_each_chunk_as_it_comes(uploads: Uploads, client: RawClient) -> None:
    client.start_post("/upload", "Transfer-Encoding: chunked").send("5\r\nhello\r\n")
    wait_until(lambda: uploads.pieces == [b"hello"], "the view had it")
    assert client.send("5\r\nworld\r\n0\r\n\r\n").response().body == b"10"


def test_the_connection_goes_on_after_a_body_that_was_read(client: RawClient) -> None:
    for _ in range(3):
        assert client.post("/upload", b"a" * 100_000).response().body == b"100000"


def test_a_body_waits_with_its_client_while_its_view_is_slow(
    uploads: Uploads, served: Served, client: RawClient, body_interval_s: float
) -> None:
    """Longer than a body may pause, which counts for clients, not for views."""
    uploads.may_read.clear()
    size_bytes = 50_000_000
    sending = threading.Thread(target=client.post, args=("/upload", b"a" * size_bytes))
    sending.start()
    wait_until(lambda: is_held_back(served), "the server had as much as it takes in for a view")
    served.let_pass(2 * body_interval_s)
    sending.join(timeout=3)
    assert sending.is_alive(), "all of it was taken in, though nobody read it"
    uploads.may_read.set()
    sending.join()
    assert client.response().body == str(size_bytes).encode()
    assert max(map(len, uploads.pieces)) <= HIGH_WATER_BYTES


def is_held_back(served: Served) -> bool:
    """Whether the one body that arrives waits for its view."""
    bodies = [connection._reader._body_stream for connection in served.server.state.connections.open()]
    return any(body is not None and body.is_full for body in bodies)


def test_an_upload_that_is_cut_short_is_refused(uploads: Uploads, client: RawClient) -> None:
    response = client.start_post("/upload", "Content-Length: 10").send("hello").half_close().response()
    assert (
        response.problem["detail"] == "the body is shorter than its head says, or its last chunk is missing"
    )
    assert (response.status, uploads.pieces) == (400, [b"hello"])


def test_an_upload_of_malformed_chunks_is_refused(client: RawClient) -> None:
    client.start_post("/upload", "Transfer-Encoding: chunked").send("5\r\nhello\r\nzz\r\n")
    response = client.response()
    assert (response.problem["status"], response.headers["connection"]) == (400, "close")
    assert client.sees_close()


@impatient
def test_an_upload_that_stops_coming_is_refused(client: RawClient) -> None:
    response = client.start_post("/upload", "Content-Length: 10").send("hello").response()
    assert response.problem["detail"] == "the rest of the request's body did not come in time"
    assert response.status == 408


@impatient
def test_an_upload_that_only_trickles_is_refused(client: RawClient) -> None:
    client.start_post("/upload", "Content-Length: 1000").trickle("a" * 1000)
    assert client.response().status == 408


def test_a_view_hears_that_its_client_left_in_the_middle_of_an_upload(
    uploads: Uploads, client: RawClient
) -> None:
    client.start_post("/upload", "Content-Length: 10").send("hello")
    wait_until(lambda: uploads.pieces == [b"hello"], "the view had it")
    client.reset()
    wait_until(lambda: uploads.failure, "the view heard")
    assert "the client has closed the connection" in str(uploads.failure)


@pytest.mark.parametrize("extra", [0, 1, 100_000])
def test_a_chunked_body_past_the_views_own_limit_is_refused_not_cut(client: RawClient, extra: int) -> None:
    client.start_post("/limited", "Transfer-Encoding: chunked")
    client.send(b"%x\r\n%b\r\n0\r\n\r\n" % (1000 + extra, b"a" * (1000 + extra)))
    response = client.response()
    assert (
        (response.status, response.body) == (200, b"1000")
        if extra == 0
        else response.problem["status"] == 413
    )


def test_a_body_that_its_view_does_not_read_is_not_taken_for_the_next_request(client: RawClient) -> None:
    hidden = "POST /upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n"
    client.start_post("/unread", f"Content-Length: {len(hidden) + 5}")
    response = client.response()
    assert (response.body, response.headers["connection"]) == (b"not read", "close")
    client.send(f"hello{hidden}")
    assert client.sees_close()


def test_a_client_that_waits_for_100_continue_is_told_when_its_view_reads(
    uploads: Uploads, client: RawClient
) -> None:
    uploads.may_read.clear()
    client.start_post("/upload", "Content-Length: 5", "Expect: 100-continue")
    client.socket.settimeout(0.5)
    with pytest.raises(TimeoutError):
        client.socket.recv(1)
    client.socket.settimeout(PATIENCE_S)
    uploads.may_read.set()
    assert client.socket.recv(65536).startswith(b"HTTP/1.1 100 ")
    assert client.send("hello").response().body == b"5"


def test_a_client_that_waits_for_100_continue_is_not_told_by_a_view_that_does_not_read(
    client: RawClient,
) -> None:
    response = client.start_post("/unread", "Content-Length: 5", "Expect: 100-continue").response()
    assert (response.body, client.informational_statuses) == (b"not read", [])
