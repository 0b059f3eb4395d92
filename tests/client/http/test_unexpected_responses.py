"""What responds at the service's address is not always the service, nor whole."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.client.conftest import Command
from tests.client.service import FakeService, job_record

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


JSON = OK + b"\r\n"


IS_IT = "is it the pretrain service?"


NO_WHOLE_ANSWER = "ended the connection without a whole answer in HTTP"


Serve = Callable[[bytes], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Answers every connection with the same bytes; its URL."""
    listener = socket.create_server(("127.0.0.1", 0))

    def begin(response: bytes) -> str:
        def respond_to_all() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(response)

        threading.Thread(target=respond_to_all, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield begin
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (b"", NO_WHOLE_ANSWER),
        (b"SSH-2.0-OpenSSH_9.2\r\n", NO_WHOLE_ANSWER),
        (b"\x00\xff\r\n\r\n", NO_WHOLE_ANSWER),
        (b"HTTP/1.1 100 Continue\r\n\r\n", NO_WHOLE_ANSWER),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000 + b"\r\n\r\n", NO_WHOLE_ANSWER),
        (OK + b'Content-Length: 10\r\n\r\n{"a"', NO_WHOLE_ANSWER),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", NO_WHOLE_ANSWER),
        (OK + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", "can't be unpacked"),
        (JSON, IS_IT),
        (JSON + b'{"data":', IS_IT),
        (JSON + b"[1, 2]", IS_IT),
        (JSON + b"\xff", IS_IT),
        (JSON + b"[" * 100_000, IS_IT),
        (JSON + b'{"data":' + b"9" * 5000 + b"}", IS_IT),
        (JSON + b"<html>hello</html>", IS_IT),
        (JSON + b"{}", IS_IT),
        (JSON + b'{"data": 5, "has_more": false}', IS_IT),
        (JSON + b'{"data": [5], "has_more": false}', IS_IT),
        (JSON + b'{"data": [{"id": 5}], "has_more": false}', IS_IT),
        (b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere/\r\n\r\n", "sends on to http://elsewhere/"),
        (b"HTTP/1.1 301 Moved\r\nLocation: \x1b[2J/x\r\n\r\n", "sends on to /x"),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", "304 Not Modified"),
        (b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n\r\n", "503 Busy (try again in 7 s)"),
        (b"HTTP/1.1 503 Busy\r\nRetry-After: Wed, 21 Oct 2026 07:28:00 GMT\r\n\r\n", "503 Busy\n"),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n<html>", "502 Bad Gateway\n"),
        (b'HTTP/1.1 422 X\r\n\r\n{"errors": 5, "title": {}, "detail": [1]}', "422 X\n"),
        (b'HTTP/1.1 422 X\r\n\r\n{"errors": [5, {"field": [], "message": {}}]}', "  body: \n"),
        (b'HTTP/1.1 400 X\r\n\r\n{"detail": "' + b"a" * 100_000 + b'"}', "a" * 900),
    ],
)
def test_every_other_response_is_described_in_a_sentence(
    response: bytes, message: str, serve: Serve, pretrain: Command
) -> None:
    outcome = pretrain("jobs", "--url", serve(response))
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err.startswith("pretrain: ")
    assert message in outcome.err
    assert len(outcome.err) < 1200
    assert "\x1b" not in outcome.err


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("progress", None),
        ("status", 5),
        ("latest", []),
        ("error", {}),
        ("spec", {}),
        ("name", {}),
        ("best", {"val_loss": "x"}),
    ],
)
@pytest.mark.parametrize(
    "arguments", [["show", "job-1"], ["watch", "job-1"], ["cancel", "job-1"], ["submit"]]
)
def test_a_record_of_another_form_is_named(
    arguments: list[str], field: str, value: object, service: FakeService, pretrain: Command
) -> None:
    for method, path in [("GET", "/jobs/job-1"), ("POST", "/jobs"), ("POST", "/jobs/job-1/cancel")]:
        service.respond(method, path, job_record(**{field: value}))
    outcome = pretrain(*arguments, "--url", service.url)
    assert (outcome.status, outcome.out) == (1, "")
    assert f"what is no job: {field}" in outcome.err


def test_a_number_that_is_not_finite_is_told(service: FakeService, pretrain: Command) -> None:
    service.respond("GET", "/jobs/job-1", job_record(latest={"step": 1, "train_loss": float("inf")}))
    assert "latest.train_loss" in pretrain("show", "job-1", "--url", service.url).err


def test_an_older_services_job_is_shown_with_what_it_has(service: FakeService, pretrain: Command) -> None:
    known = ("id", "status", "spec", "progress", "created_at")
    service.respond("GET", "/jobs/job-1", {name: job_record()[name] for name in known})
    lines = pretrain("show", "job-1", "--url", service.url).out.splitlines()
    assert lines[0] == "id               job-1"
    assert "status           running" in lines


def test_a_response_that_nests_too_deep_to_be_printed_is_told(
    service: FakeService, pretrain: Command
) -> None:
    nested: object = []
    for _ in range(700):
        nested = [nested]
    service.respond("GET", "/jobs/job-1", job_record(newer=nested))
    outcome = pretrain("show", "job-1", "--json", "--url", service.url)
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err == "pretrain: the service's answer nests too deep to be printed\n"
    assert pretrain("show", "job-1", "--url", service.url).status == 0


@pytest.mark.parametrize("rows", [[], [{"step": -1, "text": "x"}]])
def test_a_list_without_end_is_told(rows: list[object], service: FakeService, pretrain: Command) -> None:
    service.respond_with_list("/jobs/job-1/samples", rows, has_more=True)
    outcome = pretrain("samples", "job-1", "--url", service.url)
    assert outcome.status == 1
    assert "leads nowhere" in outcome.err
