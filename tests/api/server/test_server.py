"""Nobody is kept waiting by somebody else's connection, and the server ends as it should."""

import socket
import threading
from contextlib import ExitStack

import pytest

from tests.api.server.conftest import Start
from tests.api.server.serving import RawClient, Served
from tests.api.server.views import Views
from tests.waiting import PATIENCE_S, wait_until

HALF_HEAD = "GET /quick HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Ha"


def test_half_sent_requests_and_idle_connections_hold_no_threads(start: Start) -> None:
    served = start()
    with ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(RawClient(served.port))
            stack.enter_context(RawClient(served.port)).send(HALF_HEAD)
            stack.enter_context(RawClient(served.port)).start_post("/quick", "Content-Length: 10").send(
                "half"
            )
        threads = threading.active_count()
        with RawClient(served.port) as client:
            assert client.get("/quick").response().status == 200
        assert threading.active_count() <= threads + 2  # the view's, and the one that starts threads


def test_a_body_does_not_wait_until_the_head_is_acknowledged(start: Start) -> None:
    """Which takes 40 ms on a connection that is kept, with Nagle's algorithm on."""
    served = start()
    with RawClient(served.port) as client:
        client.get("/quick").response()
        [connection] = served.server.state.connections.open()
        accepted = connection._transport.get_extra_info("socket")
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_head_that_is_not_finished_in_time_is_refused(start: Start) -> None:
    served = start(head_s=1.5)
    with RawClient(served.port) as client:
        response = client.send(HALF_HEAD).response()
        assert response.problem["detail"] == "the rest of the request's head did not come in time"
        assert (response.status, response.headers["connection"]) == (408, "close")
        assert client.sees_close()


def test_a_head_that_comes_a_byte_at_a_time_is_refused(start: Start) -> None:
    served = start(head_s=1.5)
    with RawClient(served.port) as client:
        client.trickle("GET / HTTP/1.1\r\nX-A: " + "a" * 1000)
        assert client.response().status == 408


def test_the_second_request_of_a_connection_has_the_same_time(start: Start) -> None:
    served = start(head_s=1.5)
    with RawClient(served.port) as client:
        client.get("/quick").send(HALF_HEAD)
        assert [client.response().status, client.response().status] == [200, 408]


def test_a_body_that_is_not_finished_in_time_is_refused(start: Start) -> None:
    served = start(body_interval_s=1.5)
    with RawClient(served.port) as client:
        response = client.start_post("/quick", "Content-Length: 10").send("half").response()
        assert response.problem["detail"] == "the rest of the request's body did not come in time"
        assert response.status == 408


def test_a_body_that_only_trickles_is_refused(start: Start) -> None:
    served = start(body_interval_s=1.5, body_interval_bytes=100)
    with RawClient(served.port) as client:
        client.start_post("/quick", "Content-Length: 1000").trickle("a" * 1000)
        assert client.response().status == 408


def test_an_idle_connection_is_closed_without_a_word(start: Start) -> None:
    served = start(idle_s=60)
    with RawClient(served.port) as silent, RawClient(served.port) as served_once:
        assert served_once.get("/quick").response().status == 200
        served.let_pass(60)
        assert silent.sees_close()
        assert served_once.sees_close()


def test_a_new_connection_takes_the_place_of_the_one_that_waits_for_longest(
    start: Start, views: Views
) -> None:
    served = start(connections=4)
    with ExitStack() as stack:
        clients = [stack.enter_context(RawClient(served.port)) for _ in range(4)]
        clients[0].get("/read/first")
        clients[2].send(HALF_HEAD)
        clients[3].get("/read/last")
        wait_until(lambda: len(views.started) == 2, "both were held")
        with RawClient(served.port) as one_more:
            assert one_more.get("/quick").response().status == 200
            assert clients[1].sees_close()
        views.may_finish.set()
        assert [clients[0].response().body, clients[3].response().body] == [b"first", b"last"]
        assert clients[2].send(": 1\r\n\r\n").response().status == 200


def test_a_connection_is_refused_while_all_others_are_being_answered(start: Start, views: Views) -> None:
    served = start(connections=2)
    with RawClient(served.port) as first, RawClient(served.port) as second:
        first.get("/read/first")
        second.get("/read/second")
        wait_until(lambda: len(views.started) == 2, "both were held")
        with RawClient(served.port) as third:
            response = third.response()
            assert (response.problem["detail"], response.status) == ("too many connections", 503)
            assert int(response.headers["retry-after"]) > 0
            assert third.sees_close()
        views.may_finish.set()
        assert [first.response().status, second.response().status] == [200, 200]


def test_bodies_are_refused_when_all_together_are_too_much(start: Start) -> None:
    served = start(buffered_bodies_bytes=1000)
    with RawClient(served.port) as first, RawClient(served.port) as second:
        first.start_post("/quick", "Content-Length: 801").send("a" * 800)
        # Answered after the first's bytes have been counted, whichever of the two the loop reads first.
        reason = wait_until(lambda: refused_body(served.port, 800), "there was no room")
        assert reason == "too many bodies are arriving"
        assert second.post("/quick", "a" * 100).response().status == 200
        assert first.send("a").response().status == 200
        assert second.post("/quick", "a" * 900).response().status == 200


def refused_body(port: int, size_bytes: int) -> str | None:
    """Why a body of that size is refused; None if it is not."""
    with RawClient(port) as client:
        response = client.post("/quick", "a" * size_bytes).response()
        return None if response.status == 200 else str(response.problem["detail"])


# Clients that are slow to read


def test_a_large_response_that_nobody_reads_holds_no_thread_of_light_requests(
    start: Start, views: Views
) -> None:
    served = start()
    with ExitStack() as stack:
        for path in ("/large", "/endless") * 20:
            stack.enter_context(RawClient(served.port, receive_bytes=4096)).get(path)
        wait_until(lambda: len(views.started) == 20, "the endless were under way")
        with RawClient(served.port) as client:
            assert client.get("/quick").response().status == 200


def test_a_client_that_takes_nothing_of_its_response_is_cut_off(start: Start, views: Views) -> None:
    served = start(unread_s=0.5)
    with RawClient(served.port, receive_bytes=4096) as client:
        client.get("/endless")
        wait_until(lambda: views.stopped == ["endless"], "it was given up")


def test_a_slow_reader_gets_the_whole_answer(start: Start) -> None:
    served = start(linger_s=0.2)
    with RawClient(served.port, receive_bytes=4096) as client:
        client.get("/large", "Connection: close")
        assert len(client.response().body) == 5_000_000


# Stopping


def test_a_stop_lets_requests_end_and_takes_no_more(start: Start, views: Views) -> None:
    served = start(grace_s=60, generation_grace_s=60)
    with (
        RawClient(served.port) as running,
        RawClient(served.port) as idle,
        RawClient(served.port) as half_sent,
    ):
        running.get("/read/running")
        half_sent.send(HALF_HEAD)
        wait_until(lambda: views.started == ["running"], "it was held")
        wait_until(lambda: has_half_a_request(served), "half of the other had arrived")
        served.stop()
        assert idle.sees_close()
        assert half_sent.response().problem["detail"] == "the service is stopping"
        with pytest.raises(ConnectionRefusedError):
            RawClient(served.port)
        assert served.thread.is_alive()
        views.may_finish.set()
        response = running.response()
        assert (response.body, response.headers["connection"]) == (b"running", "close")
        running.socket.close()
        half_sent.socket.close()
        served.thread.join(PATIENCE_S)
        assert not served.thread.is_alive()


def has_half_a_request(served: Served) -> bool:
    connections = served.server.state.connections.open()
    return any(connection._reader.has_partial_request for connection in connections)


def test_a_stop_ends_streams_and_what_waits_for_a_worker(start: Start, views: Views) -> None:
    served = start(grace_s=60, generation_grace_s=0)
    with RawClient(served.port) as stream, RawClient(served.port) as wait:
        stream.get("/stream/stream")
        wait.get("/wait/wait")
        wait_until(lambda: sorted(views.started) == ["stream", "wait"], "both were under way")
        served.stop()
        assert stream.response().body == b"first "
        response = wait.response()
        assert (response.problem["detail"], response.status) == ("the service is stopping", 503)
        assert int(response.headers["retry-after"]) > 0
    wait_until(lambda: sorted(views.stopped) == ["stream", "wait"], "both had heard")
    served.thread.join(PATIENCE_S)
    assert not served.thread.is_alive()


def test_a_stop_gives_up_what_does_not_end_in_time(start: Start, views: Views) -> None:
    served = start(grace_s=0.2, generation_grace_s=0.1)
    with RawClient(served.port) as hanging, RawClient(served.port) as endless:
        hanging.get("/read/hanging")
        endless.get("/endless")
        wait_until(lambda: len(views.started) == 2, "both were under way")
        served.stop()
        assert hanging.response().problem["status"] == 503
        served.thread.join(PATIENCE_S)
        assert not served.thread.is_alive()
