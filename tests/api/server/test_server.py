"""Nobody is kept waiting by somebody else's connection, and the server ends as it should."""

import subprocess
import sys
import threading
from contextlib import ExitStack

import pytest

from api.server.server import OTHER_FILES, connections_for
from tests.api.server.conftest import Start
from tests.api.server.serving import Caller
from tests.api.server.views import Views
from tests.waiting import wait_until

HALF_HEAD = "GET /quick HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Ha"


def test_half_sent_requests_and_idle_connections_hold_no_threads(start: Start) -> None:
    served = start()
    with ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(Caller(served.port))
            stack.enter_context(Caller(served.port)).send(HALF_HEAD)
            stack.enter_context(Caller(served.port)).begin("/quick", "Content-Length: 10").send("half")
        threads = threading.active_count()
        with Caller(served.port) as caller:
            assert caller.get("/quick").answer().status == 200
        assert threading.active_count() <= threads + 2  # the view's, and the one that starts threads


def test_a_head_that_is_not_finished_in_time_is_refused(start: Start) -> None:
    served = start(head_s=0.5)
    with Caller(served.port) as caller:
        answer = caller.send(HALF_HEAD).answer()
        assert answer.problem["detail"] == "the rest of the request's head did not come in time"
        assert (answer.status, answer.headers["connection"]) == (408, "close")
        assert caller.hears_end()


def test_a_head_that_comes_a_byte_at_a_time_is_refused(start: Start) -> None:
    served = start(head_s=0.5)
    with Caller(served.port) as caller:
        caller.trickle("GET / HTTP/1.1\r\nX-A: " + "a" * 1000)
        assert caller.answer().status == 408


def test_the_second_request_of_a_connection_has_the_same_time(start: Start) -> None:
    served = start(head_s=0.5)
    with Caller(served.port) as caller:
        caller.get("/quick").send(HALF_HEAD)
        assert [caller.answer().status, caller.answer().status] == [200, 408]


def test_a_body_that_is_not_finished_in_time_is_refused(start: Start) -> None:
    served = start(body_pause_s=0.5)
    with Caller(served.port) as caller:
        answer = caller.begin("/quick", "Content-Length: 10").send("half").answer()
        assert answer.problem["detail"] == "the rest of the request's body did not come in time"
        assert answer.status == 408


def test_a_body_that_only_trickles_is_refused(start: Start) -> None:
    served = start(body_pause_s=0.5, body_pause_bytes=100)
    with Caller(served.port) as caller:
        caller.begin("/quick", "Content-Length: 1000").trickle("a" * 1000)
        assert caller.answer().status == 408


def test_an_idle_connection_is_closed_without_a_word(start: Start) -> None:
    served = start(idle_s=0.5)
    with Caller(served.port) as silent, Caller(served.port) as served_once:
        assert served_once.get("/quick").answer().status == 200
        assert silent.hears_end()
        assert served_once.hears_end()


def test_a_new_connection_takes_the_place_of_the_one_that_waits_for_longest(
    start: Start, views: Views
) -> None:
    served = start(connections=4)
    with ExitStack() as stack:
        callers = [stack.enter_context(Caller(served.port)) for _ in range(4)]
        callers[0].get("/read/first")
        callers[2].send(HALF_HEAD)
        callers[3].get("/read/last")
        wait_until(lambda: len(views.held) == 2, "both were held")
        with Caller(served.port) as one_more:
            assert one_more.get("/quick").answer().status == 200
            assert callers[1].hears_end()
        views.go_on.set()
        assert [callers[0].answer().body, callers[3].answer().body] == [b"first", b"last"]
        assert callers[2].send(": 1\r\n\r\n").answer().status == 200


def test_a_connection_is_refused_while_all_others_are_being_answered(start: Start, views: Views) -> None:
    served = start(connections=2)
    with Caller(served.port) as first, Caller(served.port) as second:
        first.get("/read/first")
        second.get("/read/second")
        wait_until(lambda: len(views.held) == 2, "both were held")
        with Caller(served.port) as third:
            answer = third.answer()
            assert (answer.problem["detail"], answer.status) == ("too many connections", 503)
            assert int(answer.headers["retry-after"]) > 0
            assert third.hears_end()
        views.go_on.set()
        assert [first.answer().status, second.answer().status] == [200, 200]


def test_bodies_are_refused_when_all_together_are_too_much(start: Start) -> None:
    served = start(bodies_bytes=1000)
    with Caller(served.port) as first, Caller(served.port) as second:
        first.begin("/quick", "Content-Length: 801").send("a" * 800)
        # Answered after the first's bytes have been counted, whichever of the two the loop reads first.
        answer = wait_until(lambda: refused_body(served.port, 800), "there was no room")
        assert answer == "too many bodies are arriving"
        assert second.post("/quick", "a" * 100).answer().status == 200
        assert first.send("a").answer().status == 200
        assert second.post("/quick", "a" * 900).answer().status == 200


def refused_body(port: int, size_bytes: int) -> str | None:
    """Why a body of that size is refused; None if it is not."""
    with Caller(port) as caller:
        answer = caller.post("/quick", "a" * size_bytes).answer()
        return None if answer.status == 200 else str(answer.problem["detail"])


# Clients that are slow to read


def test_a_large_answer_that_nobody_reads_holds_no_thread_of_light_requests(
    start: Start, views: Views
) -> None:
    served = start()
    with ExitStack() as stack:
        for path in ("/large", "/endless") * 20:
            stack.enter_context(Caller(served.port, receive_bytes=4096)).get(path)
        wait_until(lambda: len(views.held) == 20, "the endless were under way")
        with Caller(served.port) as caller:
            assert caller.get("/quick").answer().status == 200


def test_a_client_that_takes_nothing_of_its_answer_is_cut_off(start: Start, views: Views) -> None:
    served = start(unread_s=0.5)
    with Caller(served.port, receive_bytes=4096) as caller:
        caller.get("/endless")
        wait_until(lambda: views.left == ["endless"], "it was given up")


def test_a_slow_reader_gets_the_whole_answer(start: Start) -> None:
    served = start(linger_s=0.2)
    with Caller(served.port, receive_bytes=4096) as caller:
        caller.get("/large", "Connection: close")
        assert len(caller.answer().body) == 5_000_000


# Stopping


def test_a_stop_lets_requests_end_and_takes_no_more(start: Start, views: Views) -> None:
    served = start(grace_s=60, wait_grace_s=60)
    with Caller(served.port) as running, Caller(served.port) as idle, Caller(served.port) as half_sent:
        running.get("/read/running")
        half_sent.send(HALF_HEAD)
        wait_until(lambda: views.held == ["running"], "it was held")
        served.stop()
        assert idle.hears_end()
        assert half_sent.answer().problem["detail"] == "the service is stopping"
        with pytest.raises(ConnectionRefusedError):
            Caller(served.port)
        assert served.thread.is_alive()
        views.go_on.set()
        answer = running.answer()
        assert (answer.body, answer.headers["connection"]) == (b"running", "close")
        running.socket.close()
        half_sent.socket.close()
        served.thread.join(30)
        assert not served.thread.is_alive()


def test_a_stop_ends_streams_and_what_waits_for_a_worker(start: Start, views: Views) -> None:
    served = start(grace_s=60, wait_grace_s=0)
    with Caller(served.port) as stream, Caller(served.port) as wait:
        stream.get("/stream/stream")
        wait.get("/wait/wait")
        wait_until(lambda: sorted(views.held) == ["stream", "wait"], "both were under way")
        served.stop()
        assert stream.answer().body == b"first "
        answer = wait.answer()
        assert (answer.problem["detail"], answer.status) == ("the service is stopping", 503)
        assert int(answer.headers["retry-after"]) > 0
    wait_until(lambda: sorted(views.left) == ["stream", "wait"], "both had heard")
    served.thread.join(30)
    assert not served.thread.is_alive()


def test_a_stop_gives_up_what_does_not_end_in_time(start: Start, views: Views) -> None:
    served = start(grace_s=0.2, wait_grace_s=0.1)
    with Caller(served.port) as hanging, Caller(served.port) as endless:
        hanging.get("/read/hanging")
        endless.get("/endless")
        wait_until(lambda: len(views.held) == 2, "both were under way")
        served.stop()
        assert hanging.answer().problem["status"] == 503
        served.thread.join(30)
        assert not served.thread.is_alive()


# Open files

RAISE = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 512))
from api.server.server import raise_open_files
print(raise_open_files(), resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def test_the_process_allows_itself_as_many_open_files_as_it_may() -> None:
    done = subprocess.run([sys.executable, "-c", RAISE], capture_output=True, text=True, check=True)
    assert done.stdout == "512 (512, 512)\n"


def test_connections_leave_files_for_everything_else() -> None:
    assert connections_for(20_000) == 20_000 - OTHER_FILES
    assert connections_for(2048) == 2048 - OTHER_FILES > 512
    assert connections_for(1024) == 256
