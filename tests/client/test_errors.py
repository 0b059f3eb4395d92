"""What a person is told when something goes wrong."""

import pytest

from client.environment import find_service
from client.http import ApiError, Client
from tests.client.conftest import Command
from tests.client.service import FakeService

INVALID = {
    "type": "about:blank",
    "title": "Unprocessable Content",
    "status": 422,
    "detail": "2 fields are wrong",
    "errors": [
        {"field": "training.learning_rate", "message": "must be positive", "value": -1},
        {"field": "model.n_heads", "message": "must divide the width", "value": 7},
    ],
}


def test_a_refusal_names_every_wrong_field_on_stderr(service: FakeService, pretrain: Command) -> None:
    service.answer("POST", "/jobs", INVALID, 422)
    outcome = pretrain("submit", "--url", service.url)
    assert outcome.status == 1
    assert outcome.out == ""
    assert outcome.err.splitlines() == [
        "pretrain: 422 Unprocessable Content: 2 fields are wrong",
        "  training.learning_rate: must be positive (got -1)",
        "  model.n_heads: must divide the width (got 7)",
    ]


def test_an_api_error_holds_status_title_detail_and_fields(service: FakeService) -> None:
    service.answer("POST", "/jobs", INVALID, 422)
    with Client(find_service(service.url)) as client, pytest.raises(ApiError) as refusal:
        client.submit({})
    assert (refusal.value.status, refusal.value.title) == (422, "Unprocessable Content")
    assert refusal.value.fields == {"training.learning_rate", "model.n_heads"}


def test_a_service_that_is_not_ready_says_what_each_check_found(service: FakeService) -> None:
    checks = {"database": "ok", "workers": "no training worker works"}
    service.answer("GET", "/readyz", {"title": "Service Unavailable", "status": 503, "checks": checks}, 503)
    with Client(find_service(service.url)) as client, pytest.raises(ApiError) as refusal:
        client.check_ready()
    assert refusal.value.checks == checks


def test_an_unknown_job_exits_with_1(service: FakeService, pretrain: Command) -> None:
    outcome = pretrain("show", "job-9", "--url", service.url)
    assert outcome.status == 1
    assert "404 Not Found" in outcome.err


def test_an_error_that_is_no_problem_json_is_reported_by_its_status(
    service: FakeService, pretrain: Command
) -> None:
    service.answer_bytes("GET", "/jobs", b"<html>oops</html>", "text/html", status=502)
    outcome = pretrain("jobs", "--url", service.url)
    assert outcome.status == 1
    assert outcome.err == "pretrain: 502 Bad Gateway\n"


def test_another_server_at_the_address_is_recognised(service: FakeService, pretrain: Command) -> None:
    service.answer_bytes("GET", "/jobs", b"<html>hello</html>", "text/html")
    outcome = pretrain("jobs", "--url", service.url)
    assert outcome.status == 1
    assert "is it the pretrain service?" in outcome.err


def test_an_absent_service_is_named_with_its_url_and_the_way_to_start_it(pretrain: Command) -> None:
    outcome = pretrain("jobs", "--url", "http://127.0.0.1:1")
    assert outcome.status == 1
    assert "http://127.0.0.1:1" in outcome.err
    assert "pretrain up" in outcome.err


def test_an_address_that_is_no_url_is_named(pretrain: Command) -> None:
    outcome = pretrain("jobs", "--url", "127.0.0.1:8000")
    assert outcome.status == 2
    assert "127.0.0.1:8000" in outcome.err
    assert "http" in outcome.err.lower()


def test_a_job_id_cannot_reach_another_path(service: FakeService, pretrain: Command) -> None:
    pretrain("show", "../datasets?x=1", "--url", service.url)
    [request] = service.requests
    assert request.path == "/jobs/..%2Fdatasets%3Fx%3D1"


def test_a_token_is_sent_when_there_is_one(
    service: FakeService, pretrain: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.answer_list("/jobs", [])
    pretrain("jobs", "--url", service.url)
    monkeypatch.setenv("PRETRAIN_TOKEN", "secret")
    pretrain("jobs", "--url", service.url)
    assert [request.headers.get("Authorization") for request in service.requests] == [None, "Bearer secret"]


def test_a_proxy_is_not_asked_for_a_loopback_address(
    service: FakeService, pretrain: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.answer_list("/jobs", [])
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert pretrain("jobs", "--url", service.url).status == 0


def test_a_wrong_variable_is_a_usage_error_that_names_it(
    pretrain: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRETRAIN_PORT", "eighty")
    outcome = pretrain("up")
    assert outcome.status == 2
    assert "PRETRAIN_PORT='eighty': must be an integer" in outcome.err
