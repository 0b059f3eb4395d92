"""One POST to a receiver that may be anybody's."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address, ip_network

import pytest

from jobs.settings import Network
from tests.worker.webhooks.receiver import answer, receiving
from worker.webhooks.post import PostFailed, post

HERE: list[Network] = [ip_network("127.0.0.0/8")]


def test_the_body_and_the_headers_arrive_and_the_status_comes_back() -> None:
    with receiving(answer(204)) as receiver:
        assert post(receiver.url, b'{"a": 1}', {"X-One": "1"}, HERE) == 204
    (received,) = receiver.received
    assert (received.path, received.body) == ("/hook?a=b", b'{"a": 1}')
    assert received.headers["Host"] == f"127.0.0.1:{receiver.port}"
    assert (received.headers["X-One"], received.headers["Content-Length"]) == ("1", "8")


def test_an_address_that_is_not_allowed_is_not_connected_to() -> None:
    with receiving() as receiver, pytest.raises(PostFailed, match="no public address"):
        post(receiver.url, b"", {}, [])
    assert receiver.received == []


def test_the_connection_goes_to_the_address_that_was_judged_whatever_the_name_means_then() -> None:
    """DNS rebinding: a name that is resolved twice may be public at first and private then."""
    with receiving() as receiver:
        url = f"http://rebinding.invalid:{receiver.port}/x"
        looked_up = []

        def resolve(host: str, port: int) -> list[object]:
            looked_up.append(host)
            return [ip_address("127.0.0.1" if len(looked_up) == 1 else "10.0.0.1")]

        assert post(url, b"", {}, HERE, resolve=resolve) == 200  # type: ignore[arg-type]
    assert looked_up == ["rebinding.invalid"]
    assert receiver.received[0].headers["Host"] == f"rebinding.invalid:{receiver.port}"


def test_a_redirect_is_not_followed() -> None:
    with receiving() as other, receiving(answer(302, Location=other.url)) as receiver:
        assert post(receiver.url, b"", {}, HERE) == 302
    assert other.received == []


@contextmanager
def raw_server(sent: bytes, pause_s: float = 0.0) -> Iterator[str]:
    """The URL of one that answers with these bytes, byte by byte if there is a pause, and keeps the
    connection open."""
    done = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            for piece in [sent] if not pause_s else [bytes([byte]) for byte in sent]:
                try:
                    connection.sendall(piece)
                except OSError:
                    break
                if pause_s and done.wait(pause_s):
                    break
            done.wait(60)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        done.set()
        thread.join()


def test_one_that_never_answers_is_given_up_in_time() -> None:
    with raw_server(b"") as url, pytest.raises(PostFailed, match=r"no answer within 0\.3 s"):
        post(url, b"", {}, HERE, timeout_s=0.3)


def test_one_that_answers_a_byte_at_a_time_is_given_up_in_time() -> None:
    began_s = time.monotonic()
    slowly = b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000
    with raw_server(slowly, 0.05) as url, pytest.raises(PostFailed, match=r"no answer within 0\.5 s"):
        post(url, b"", {}, HERE, timeout_s=0.5)
    assert time.monotonic() - began_s < 100, "all of it takes 300 s"


def test_of_an_endless_answer_no_more_than_its_beginning_is_read() -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"a" * 65536)
        except OSError:
            closed.set()

    closed = threading.Event()
    with receiving(endless) as receiver:
        assert post(receiver.url, b"", {}, HERE) == 200
        assert closed.wait(60)


def test_what_is_no_http_is_said() -> None:
    with (
        raw_server(b"SSH-2.0-OpenSSH_9.2\r\n") as url,
        pytest.raises(PostFailed, match="does not speak HTTP"),
    ):
        post(url, b"", {}, HERE)


def test_where_nobody_listens_it_says_so() -> None:
    with socket.socket() as bound:  # so that nobody else takes the port
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(PostFailed, match="Connection refused"):
            post(f"http://127.0.0.1:{bound.getsockname()[1]}/", b"", {}, HERE)


def test_what_speaks_no_tls_fails_as_tls() -> None:
    with receiving() as receiver, pytest.raises(PostFailed, match="TLS: "):
        post(f"https://127.0.0.1:{receiver.port}/", b"", {}, HERE)
    assert receiver.received == []


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "http://user@127.0.0.1/", "http://127.0.0.1/ x"])
def test_a_url_that_was_stored_by_another_version_is_checked_again(url: str) -> None:
    with pytest.raises(PostFailed):
        post(url, b"", {}, HERE)
