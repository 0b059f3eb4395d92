"""Errors that no single endpoint makes, and the headers that every answer has."""

import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.jobs.process.test_panics import panic


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nothing"),
        ("GET", "/jobs/"),
        ("POST", "/jobs/job-0/fork"),
        ("GET", "/v1/models"),
        ("GET", "/metrics"),
    ],
)
def test_a_route_that_is_not_there_is_answered_with_404(
    bare_client: FlaskClient, method: str, path: str
) -> None:
    answer = bare_client.open(path, method=method)
    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")
    assert answer.get_json(force=True) == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": f"there is nothing at {path}",
        "instance": path,
    }


@pytest.mark.parametrize(
    ("method", "path"), [("DELETE", "/jobs"), ("PATCH", "/jobs/job-0"), ("PUT", "/jobs")]
)
def test_a_method_that_is_not_possible_is_answered_with_405_and_those_that_are(
    bare_client: FlaskClient, method: str, path: str
) -> None:
    answer = bare_client.open(path, method=method)
    assert (answer.status_code, answer.content_type) == (405, "application/problem+json")
    assert "GET" in answer.headers["Allow"]


def test_an_unexpected_error_is_answered_with_500_and_without_its_reason(
    bare_client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("api.views.jobs.get_job", fail)
    monkeypatch.setattr("jobs.store.database.Database.read", fail)
    answer = bare_client.get("/jobs/job-0")
    assert (answer.status_code, answer.content_type) == (500, "application/problem+json")
    assert b"secret" not in answer.data
    assert b"Traceback" not in answer.data
    assert "secret" in caplog.text
    assert answer.headers["X-Request-ID"]


def test_a_panic_of_native_code_is_answered_with_500_and_the_process_goes_on(
    bare_client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        panic()

    monkeypatch.setattr("jobs.store.database.Database.read", fail)
    answer = bare_client.get("/jobs/job-0")
    assert (answer.status_code, answer.content_type) == (500, "application/problem+json")
    assert answer.headers["X-Request-ID"]
    assert b"StackOverflow" not in answer.data
    assert "StackOverflow" in caplog.text
    assert bare_client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    "path", ["/healthz", "/nothing", "/jobs?limit=0", "/jobs", "/docs", "/", "/openapi.json"]
)
def test_every_answer_has_the_same_protecting_headers_and_an_id(bare_client: FlaskClient, path: str) -> None:
    answer = bare_client.get(path)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-ID"])


def test_each_request_has_an_id_of_its_own(bare_client: FlaskClient) -> None:
    ids = {bare_client.get("/healthz").headers["X-Request-ID"] for _ in range(3)}
    assert len(ids) == 3


def test_a_sane_id_is_sent_back(bare_client: FlaskClient) -> None:
    answer = bare_client.get("/healthz", headers={"X-Request-ID": "trace-1.2_3"})
    assert answer.headers["X-Request-ID"] == "trace-1.2_3"


@pytest.mark.parametrize("given", ["", "a b", "<script>", "x" * 101, 'a"', "é"])
def test_an_id_that_is_unfit_for_a_log_is_replaced(bare_client: FlaskClient, given: str) -> None:
    answer = bare_client.get("/healthz", headers={"X-Request-ID": given})
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-ID"])
