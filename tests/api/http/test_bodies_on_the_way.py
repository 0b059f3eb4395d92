"""Bodies that a view reads while they arrive."""

import threading
from collections.abc import Callable, Iterator

import pytest
from flask import Response, request

from api.server.arriving_body import HIGH_WATER_BYTES
from api.server.lanes import UPLOADS, in_lane
from api.server.limits import Limits
from tests.api.server.serving import Caller, Served, serving, small_app
from tests.waiting import wait_until


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
        return in_lane(UPLOADS)(call)

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
def served(uploads: Uploads) -> Iterator[Served]:
    limits = Limits(body_bytes=10, body_pause_s=1, body_pause_bytes=1000, grace_s=0, wait_grace_s=0)
    with serving(uploads.app, limits) as served:
        yield served


@pytest.fixture
def caller(served: Served) -> Iterator[Caller]:
    with Caller(served.port) as caller:
        yield caller


def test_a_view_gets_each_part_of_a_body_as_it_comes(uploads: Uploads, caller: Caller) -> None:
    caller.begin("/upload", "Content-Length: 10").send("hello")
    wait_until(lambda: uploads.pieces == [b"hello"], "the view had it")
    assert caller.send("world").answer().body == b"10"


def test_a_view_gets_each_chunk_as_it_comes(uploads: Uploads, caller: Caller) -> None:
    caller.begin("/upload", "Transfer-Encoding: chunked").send("5\r\nhello\r\n")
    wait_until(lambda: uploads.pieces == [b"hello"], "the view had it")
    assert caller.send("5\r\nworld\r\n0\r\n\r\n").answer().body == b"10"


def test_the_connection_goes_on_after_a_body_that_was_read(caller: Caller) -> None:
    for _ in range(3):
        assert caller.post("/upload", b"a" * 100_000).answer().body == b"100000"


def test_a_body_waits_with_its_client_while_its_view_is_slow(uploads: Uploads, caller: Caller) -> None:
    """Longer than a body may pause, which counts for clients, not for views."""
    uploads.may_read.clear()
    size_bytes = 50_000_000
    sending = threading.Thread(target=caller.post, args=("/upload", b"a" * size_bytes))
    sending.start()
    sending.join(timeout=3)
    assert sending.is_alive(), "all of it was taken in, though nobody read it"
    uploads.may_read.set()
    sending.join()
    assert caller.answer().body == str(size_bytes).encode()
    assert max(map(len, uploads.pieces)) <= HIGH_WATER_BYTES


def test_an_upload_that_is_cut_short_is_refused(uploads: Uploads, caller: Caller) -> None:
    answer = caller.begin("/upload", "Content-Length: 10").send("hello").say_no_more().answer()
    assert answer.problem["detail"] == "the body is shorter than its head says, or its last chunk is missing"
    assert (answer.status, uploads.pieces) == (400, [b"hello"])


def test_an_upload_of_malformed_chunks_is_refused(caller: Caller) -> None:
    caller.begin("/upload", "Transfer-Encoding: chunked").send("5\r\nhello\r\nzz\r\n")
    answer = caller.answer()
    assert (answer.problem["status"], answer.headers["connection"]) == (400, "close")
    assert caller.hears_end()


def test_an_upload_that_stops_coming_is_refused(caller: Caller) -> None:
    answer = caller.begin("/upload", "Content-Length: 10").send("hello").answer()
    assert answer.problem["detail"] == "the rest of the request's body did not come in time"
    assert answer.status == 408


def test_an_upload_that_only_trickles_is_refused(caller: Caller) -> None:
    caller.begin("/upload", "Content-Length: 1000").trickle("a" * 1000)
    assert caller.answer().status == 408


def test_a_view_hears_that_its_client_left_in_the_middle_of_an_upload(
    uploads: Uploads, caller: Caller
) -> None:
    caller.begin("/upload", "Content-Length: 10").send("hello")
    wait_until(lambda: uploads.pieces == [b"hello"], "the view had it")
    caller.cut()
    wait_until(lambda: uploads.failure, "the view heard")
    assert "the client has closed the connection" in str(uploads.failure)


@pytest.mark.parametrize("extra", [0, 1, 100_000])
def test_a_chunked_body_past_the_views_own_limit_is_refused_not_cut(caller: Caller, extra: int) -> None:
    caller.begin("/limited", "Transfer-Encoding: chunked")
    caller.send(b"%x\r\n%b\r\n0\r\n\r\n" % (1000 + extra, b"a" * (1000 + extra)))
    answer = caller.answer()
    assert (answer.status, answer.body) == (200, b"1000") if extra == 0 else answer.problem["status"] == 413


def test_a_body_that_its_view_does_not_read_is_not_taken_for_the_next_request(caller: Caller) -> None:
    hidden = "POST /upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n"
    caller.begin("/unread", f"Content-Length: {len(hidden) + 5}")
    answer = caller.answer()
    assert (answer.body, answer.headers["connection"]) == (b"not read", "close")
    caller.send(f"hello{hidden}")
    assert caller.hears_end()


def test_a_client_that_waits_for_100_continue_is_told_when_its_view_reads(
    uploads: Uploads, caller: Caller
) -> None:
    uploads.may_read.clear()
    caller.begin("/upload", "Content-Length: 5", "Expect: 100-continue")
    caller.socket.settimeout(0.5)
    with pytest.raises(TimeoutError):
        caller.socket.recv(1)
    caller.socket.settimeout(60)
    uploads.may_read.set()
    assert caller.socket.recv(65536).startswith(b"HTTP/1.1 100 ")
    assert caller.send("hello").answer().body == b"5"


def test_a_client_that_waits_for_100_continue_is_not_told_by_a_view_that_does_not_read(
    caller: Caller,
) -> None:
    answer = caller.begin("/unread", "Content-Length: 5", "Expect: 100-continue").answer()
    assert (answer.body, caller.informed) == (b"not read", [])
