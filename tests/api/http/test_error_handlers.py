"""Errors that no view handles itself."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.jobs.process.test_panics import panic


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nothing"),
        ("GET", "/jobs/"),
        ("POST", "/jobs/job-0/end"),
        ("GET", "/v2/models"),
        ("GET", "/metric"),
    ],
)
def test_a_route_that_is_not_there_is_answered_with_404(
    bare_client: FlaskClient, method: str, path: str
) -> None:
    response = bare_client.open(path, method=method)
    assert (response.status_code, response.content_type) == (404, "application/problem+json")
    assert response.get_json(force=True) == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": f"there is nothing at {path}",
        "instance": path,
    }


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/jobs"), ("PUT", "/jobs/job-0"), ("PUT", "/jobs")])
def test_a_method_that_is_not_possible_is_answered_with_405_and_those_that_are(
    bare_client: FlaskClient, method: str, path: str
) -> None:
    response = bare_client.open(path, method=method)
    assert (response.status_code, response.content_type) == (405, "application/problem+json")
    assert "GET" in response.headers["Allow"]


def test_an_unexpected_error_is_answered_with_500_and_without_its_reason(
    bare_client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr("api.views.jobs.get_job", fail)
    monkeypatch.setattr("jobs.store.database.Database.snapshot", fail)
    response = bare_client.get("/jobs/job-0")
    assert (response.status_code, response.content_type) == (500, "application/problem+json")
    assert b"secret" not in response.data
    assert b"Traceback" not in response.data
    assert "secret" in caplog.text
    assert response.headers["X-Request-ID"]


def test_a_panic_of_native_code_is_answered_with_500_and_the_process_goes_on(
    bare_client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        panic()

    monkeypatch.setattr("jobs.store.database.Database.snapshot", fail)
    response = bare_client.get("/jobs/job-0")
    assert (response.status_code, response.content_type) == (500, "application/problem+json")
    assert response.headers["X-Request-ID"]
    assert b"StackOverflow" not in response.data
    assert "StackOverflow" in caplog.text
    assert bare_client.get("/healthz").status_code == 200


def test_a_database_that_is_away_is_answered_with_503_everywhere(bare_client: FlaskClient) -> None:
    for path in ("/jobs", "/jobs/job-0", "/jobs/job-0/losses", "/datasets", "/generate"):
        response = bare_client.get(path)
        assert (response.status_code, response.content_type) == (503, "application/problem+json")
        assert "Retry-After" in response.headers
