"""Requests on their way: addresses, tokens, proxies."""

import json

import pytest

from client.http import transport
from tests.client.conftest import Command
from tests.client.service import FakeService, Response, job_record


def test_another_server_at_the_address_is_recognised(service: FakeService, pretrain: Command) -> None:
    service.respond_with_bytes("GET", "/jobs", b"<html>hello</html>", "text/html")
    outcome = pretrain("jobs", "--url", service.url)
    assert outcome.status == 1
    assert "is it the pretrain service?" in outcome.err


def test_an_absent_service_is_named_with_its_url_and_the_way_to_start_it(pretrain: Command) -> None:
    outcome = pretrain("jobs", "--url", "http://127.0.0.1:1")
    assert outcome.status == 1
    assert "http://127.0.0.1:1" in outcome.err
    assert "pretrain up" in outcome.err


def test_a_job_id_cannot_reach_another_path(service: FakeService, pretrain: Command) -> None:
    refused = pretrain("show", "../datasets", "--url", service.url)
    assert (refused.status, service.requests) == (2, [])
    pretrain("show", "..?x=1", "--url", service.url)
    [request] = service.requests
    assert request.path == "/jobs/..%3Fx%3D1"


def test_a_token_is_sent_when_there_is_one(
    service: FakeService, pretrain: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.respond_with_list("/jobs", [])
    pretrain("jobs", "--url", service.url)
    monkeypatch.setenv("PRETRAIN_TOKEN", "secret")
    pretrain("jobs", "--url", service.url)
    assert [request.headers.get("Authorization") for request in service.requests] == [None, "Bearer secret"]


def test_a_proxy_is_not_asked_for_a_loopback_address(
    service: FakeService, pretrain: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.respond_with_list("/jobs", [])
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert pretrain("jobs", "--url", service.url).status == 0


@pytest.mark.usefixtures("no_certificates")
def test_certificates_are_read_for_whoever_may_speak_tls_alone(
    service: FakeService, pretrain: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.respond_with_list("/jobs", [])
    assert pretrain("jobs", "--url", service.url).status == 0
    for url in (service.url.replace("http", "https"), "http://service.invalid"):
        assert "certificates were read" in pretrain("jobs", "--url", url).err


def break_off(service: FakeService, path: str) -> None:
    """Take the next POST and end its answer early."""
    service.responses["POST", path].append(Response(201, b'{"id"', headers={"Content-Length": "999"}))


@pytest.mark.parametrize(
    ("arguments", "path"), [(("submit",), "/jobs"), (("fork", "job-1"), "/jobs/job-1/fork")]
)
def test_a_job_whose_answer_is_lost_is_asked_for_again_with_the_same_key(
    service: FakeService,
    pretrain: Command,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    path: str,
) -> None:
    monkeypatch.setattr(transport, "RETRY_PAUSES_S", (0, 0))
    break_off(service, path)
    break_off(service, path)
    service.respond("POST", path, job_record(id="job-2"), status=201)
    outcome = pretrain(*arguments, "--json", "--url", service.url)
    assert (outcome.status, json.loads(outcome.out)["id"]) == (0, "job-2")
    keys = [request.headers.get("Idempotency-Key") for request in service.requests]
    assert len(keys) == 3
    assert len({key for key in keys if key}) == 1
    assert None not in keys


def test_each_submitted_job_has_a_key_of_its_own(service: FakeService, pretrain: Command) -> None:
    service.respond("POST", "/jobs", job_record(), status=201)
    for _ in range(2):
        assert pretrain("submit", "--url", service.url).status == 0
    assert len({request.headers["Idempotency-Key"] for request in service.requests}) == 2


def test_a_job_whose_answer_is_lost_each_time_is_told_in_the_end(
    service: FakeService, pretrain: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "RETRY_PAUSES_S", (0, 0))
    break_off(service, "/jobs")
    outcome = pretrain("submit", "--url", service.url)
    assert outcome.status == 1
    assert "without a whole answer" in outcome.err
    assert len(service.requests) == 3


def test_a_job_that_is_refused_is_asked_for_once(service: FakeService, pretrain: Command) -> None:
    service.respond("POST", "/jobs", {"title": "Unprocessable", "status": 422}, status=422)
    assert pretrain("submit", "--url", service.url).status == 1
    assert len(service.requests) == 1


TOO_MANY = b'{"title": "Too Many Requests", "status": 429, "detail": "more than 3 a minute"}'


def refuse_for_now(service: FakeService, method: str, path: str, retry_after: str | None) -> None:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    service.responses[method, path].append(Response(429, TOO_MANY, headers=headers))


def test_a_request_that_came_too_soon_is_sent_again_when_the_service_says(
    service: FakeService, pretrain: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(transport, "sleep", pauses.append)
    for retry_after in ("7", "2"):
        refuse_for_now(service, "POST", "/jobs", retry_after)
    service.respond("POST", "/jobs", job_record(id="job-2"), status=201)
    outcome = pretrain("submit", "--json", "--url", service.url)
    assert (outcome.status, json.loads(outcome.out)["id"]) == (0, "job-2")
    assert pauses == [7, 2]
    assert len({request.headers["Idempotency-Key"] for request in service.requests}) == 1


@pytest.mark.parametrize("retry_after", [None, "soon", "61"])
def test_a_service_that_does_not_say_when_or_too_late_is_not_waited_for(
    service: FakeService, pretrain: Command, retry_after: str | None
) -> None:
    refuse_for_now(service, "GET", "/jobs", retry_after)
    outcome = pretrain("jobs", "--url", service.url)
    assert outcome.status == 1
    assert "more than 3 a minute" in outcome.err
    assert ("try again in 61 s" in outcome.err) is (retry_after == "61")
    assert len(service.requests) == 1


def test_a_service_that_refuses_again_and_again_is_not_asked_for_ever(
    service: FakeService, pretrain: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(transport, "sleep", pauses.append)
    refuse_for_now(service, "GET", "/jobs", "25")  # the last response of a fake service is repeated
    outcome = pretrain("jobs", "--url", service.url)
    assert (outcome.status, pauses) == (1, [25, 25])
