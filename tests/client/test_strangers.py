"""What is at the service's address is not always the service, nor whole."""

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from client.environment import find_service
from client.errors import ClientError, UsageError
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

    def begin(answer: bytes) -> str:
        def answer_all() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

        threading.Thread(target=answer_all, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield begin
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


@pytest.mark.parametrize(
    ("answer", "told"),
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
        (b'HTTP/1.1 422 X\r\n\r\n{"errors": 5, "checks": [], "title": {}, "detail": [1]}', "422 X\n"),
        (b'HTTP/1.1 422 X\r\n\r\n{"errors": [5, {"field": [], "message": {}}]}', "  body: \n"),
        (b'HTTP/1.1 400 X\r\n\r\n{"detail": "' + b"a" * 100_000 + b'"}', "a" * 900),
    ],
)
def test_every_other_answer_is_told_in_a_sentence(
    answer: bytes, told: str, serve: Serve, pretrain: Command
) -> None:
    outcome = pretrain("jobs", "--url", serve(answer))
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err.startswith("pretrain: ")
    assert told in outcome.err
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
@pytest.mark.parametrize("words", [["show", "job-1"], ["watch", "job-1"], ["cancel", "job-1"], ["submit"]])
def test_a_record_of_another_shape_is_told(
    words: list[str], field: str, value: object, service: FakeService, pretrain: Command
) -> None:
    for method, path in [("GET", "/jobs/job-1"), ("POST", "/jobs"), ("POST", "/jobs/job-1/cancel")]:
        service.answer(method, path, job_record(**{field: value}))
    outcome = pretrain(*words, "--url", service.url)
    assert (outcome.status, outcome.out) == (1, "")
    assert f"what is no job: {field}" in outcome.err


def test_a_number_that_is_not_finite_is_told(service: FakeService, pretrain: Command) -> None:
    service.answer("GET", "/jobs/job-1", job_record(latest={"step": 1, "train_loss": float("inf")}))
    assert "latest.train_loss" in pretrain("show", "job-1", "--url", service.url).err


def test_an_older_services_job_is_shown_with_what_it_has(service: FakeService, pretrain: Command) -> None:
    known = ("id", "status", "spec", "progress", "created_at")
    service.answer("GET", "/jobs/job-1", {name: job_record()[name] for name in known})
    lines = pretrain("show", "job-1", "--url", service.url).out.splitlines()
    assert lines[0] == "id               job-1"
    assert "status           running" in lines


def test_an_answer_that_nests_too_deep_to_be_printed_is_told(service: FakeService, pretrain: Command) -> None:
    nested: object = []
    for _ in range(700):
        nested = [nested]
    service.answer("GET", "/jobs/job-1", job_record(newer=nested))
    outcome = pretrain("show", "job-1", "--json", "--url", service.url)
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err == "pretrain: the service's answer nests too deep to be printed\n"
    assert pretrain("show", "job-1", "--url", service.url).status == 0


@pytest.mark.parametrize("rows", [[], [{"step": -1, "text": "x"}]])
def test_a_list_without_end_is_told(rows: list[object], service: FakeService, pretrain: Command) -> None:
    service.answer_list("/jobs/job-1/samples", rows, has_more=True)
    outcome = pretrain("samples", "job-1", "--url", service.url)
    assert outcome.status == 1
    assert "leads nowhere" in outcome.err


@pytest.mark.parametrize(
    "url",
    [
        "", "/", "::", "127.0.0.1:8000", "localhost", "ftp://x", "http:", "http://", "http:///x", "http://[::1",
        "http://[1::2::3]", "http://a:99999", "http://a:x", "http://a:0", "http://exa mple", "http://a\nb",
        "http://%", "http://a..b", "http://" + "a" * 64 + ".x", "http://" + "a." * 200 + "x", "http://x?y",
        "http://x#y", "http://x/?", "http://\udcff", "http://a\u202eb", "http://a\x00b",
    ],
)  # fmt: skip
@pytest.mark.parametrize("source", ["--url", "PRETRAIN_URL"])
def test_what_is_no_url_is_a_usage_error(
    source: str, url: str, pretrain: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    if source == "--url":
        outcome = pretrain("jobs", "--url", url)
    elif url == "" or "\x00" in url:
        return  # an empty variable is none, and no variable holds a NUL
    else:
        monkeypatch.setenv("PRETRAIN_URL", url)
        outcome = pretrain("jobs")
    assert outcome.status == 2
    assert outcome.err.startswith(f"pretrain: {source}: '")
    assert outcome.err.endswith("; a service's URL is like http://127.0.0.1:8000\n")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000", "http://[::1]:8000/", "https://host", "http://my_host:1/prefix/", "http://bücher.example",
        "HTTP://Host.", "http://user:word@host:1", " http://host ",
    ],
)  # fmt: skip
def test_what_is_a_url_is_taken(url: str) -> None:
    assert find_service(url).url == url.strip().rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://user:hunter2@127.0.0.1:1",
        "http://user:hunter2@127.0.0.1:1/" + "a" * 3000,
        "http://user:hunter2/x@127.0.0.1:1",
        "http://user:hunter2@x@127.0.0.1:1",
        "http://hunter2@a..b",
        "//user:hunter2@host",
        "user:hunter2@host",
    ],
)
def test_no_message_has_the_password_in_a_url_or_all_of_a_long_one(
    url: str, pretrain: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRETRAIN_URL", url)
    outcome = pretrain("jobs")
    assert outcome.status in (1, 2)
    assert "hunter2" not in outcome.err
    assert "…@" in outcome.err
    assert len(outcome.err) < 500


def test_a_url_file_that_cannot_be_used_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRETRAIN_DATA_DIR", str(tmp_path))
    file = tmp_path / "url"
    for content in (b"", b"\xff", b"not a url\n"):
        file.write_bytes(content)
        with pytest.raises(ClientError, match="holds no URL") as refusal:
            find_service()
        assert str(file) in str(refusal.value)
        assert not isinstance(refusal.value, UsageError)
    file.unlink()
    file.mkdir()
    with pytest.raises(ClientError, match="cannot read"):
        find_service()


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("ALL_PROXY", "ftp://proxy", "a proxy must be"),
        ("HTTP_PROXY", "socks5://proxy:1", "a proxy must be"),
        ("SSL_CERT_FILE", "/absent", "SSL_CERT_FILE=/absent"),
        ("PRETRAIN_TOKEN", "schlüssel", "PRETRAIN_TOKEN: "),
        ("PRETRAIN_TOKEN", "a\nb", "PRETRAIN_TOKEN: "),
        ("PRETRAIN_PORT", "eighty", "PRETRAIN_PORT='eighty': must be "),
        ("PRETRAIN_LEASE_S", "x" * 5000, "PRETRAIN_LEASE_S='xxx"),
        ("PRETRAIN_ARTIFACTS_URL", "s3://bucket", "only a folder or a file:// URL"),
    ],
)
def test_a_variable_that_cannot_be_used_is_a_usage_error_in_plain_words(
    variable: str, value: str, told: str, pretrain: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    elsewhere = (
        ["--url", "https://service.invalid"] if "PRETRAIN" not in variable or "TOKEN" in variable else []
    )
    outcome = pretrain("jobs", *elsewhere)
    assert outcome.status == 2
    assert told in outcome.err
    assert "Input should" not in outcome.err
