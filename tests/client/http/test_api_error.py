"""What the service refuses, as an exception and on stderr."""

import pytest

from client.address import find_service
from client.api.pretrain import Pretrain
from client.errors import ApiError
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
    service.respond("POST", "/jobs", INVALID, 422)
    outcome = pretrain("submit", "--url", service.url)
    assert outcome.status == 1
    assert outcome.out == ""
    assert outcome.err.splitlines() == [
        "pretrain: 422 Unprocessable Content: 2 fields are wrong",
        "  training.learning_rate: must be positive (got -1)",
        "  model.n_heads: must divide the width (got 7)",
    ]


def test_an_api_error_holds_status_title_detail_and_fields(service: FakeService) -> None:
    service.respond("POST", "/jobs", INVALID, 422)
    with Pretrain(find_service(service.url)) as client, pytest.raises(ApiError) as refusal:
        client.jobs.submit({})
    assert (refusal.value.status, refusal.value.title) == (422, "Unprocessable Content")
    assert refusal.value.fields == {"training.learning_rate", "model.n_heads"}


def test_a_service_that_is_not_ready_says_what_each_check_found(service: FakeService) -> None:
    checks = {"database": "ok", "workers": "no training worker works"}
    service.respond("GET", "/readyz", {"title": "Service Unavailable", "status": 503, "checks": checks}, 503)
    with Pretrain(find_service(service.url)) as client, pytest.raises(ApiError) as refusal:
        client.check_ready()
    assert refusal.value.checks == checks


def test_an_unknown_job_exits_with_1(service: FakeService, pretrain: Command) -> None:
    outcome = pretrain("show", "job-9", "--url", service.url)
    assert outcome.status == 1
    assert "404 Not Found" in outcome.err


def test_an_error_that_is_no_problem_json_is_reported_by_its_status(
    service: FakeService, pretrain: Command
) -> None:
    service.respond_with_bytes("GET", "/jobs", b"<html>oops</html>", "text/html", status=502)
    outcome = pretrain("jobs", "--url", service.url)
    assert outcome.status == 1
    assert outcome.err == "pretrain: 502 Bad Gateway\n"
