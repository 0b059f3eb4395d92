"""Headers of every response."""

import re

import pytest
from flask.testing import FlaskClient


@pytest.mark.parametrize(
    "path", ["/healthz", "/nothing", "/jobs?limit=0", "/jobs", "/docs", "/", "/openapi.json"]
)
def test_every_response_has_the_same_protecting_headers_and_an_id(
    bare_client: FlaskClient, path: str
) -> None:
    response = bare_client.get(path)
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["X-Frame-Options"] == "DENY"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert re.fullmatch("[0-9a-f]{32}", response.headers["X-Request-ID"])


def test_each_request_has_an_id_of_its_own(bare_client: FlaskClient) -> None:
    ids = {bare_client.get("/healthz").headers["X-Request-ID"] for _ in range(3)}
    assert len(ids) == 3


def test_a_sane_id_is_sent_back(bare_client: FlaskClient) -> None:
    response = bare_client.get("/healthz", headers={"X-Request-ID": "trace-1.2_3"})
    assert response.headers["X-Request-ID"] == "trace-1.2_3"


@pytest.mark.parametrize("request_id", ["", "a b", "<script>", "x" * 101, 'a"', "é"])
def test_an_id_that_is_unfit_for_a_log_is_replaced(bare_client: FlaskClient, request_id: str) -> None:
    response = bare_client.get("/healthz", headers={"X-Request-ID": request_id})
    assert re.fullmatch("[0-9a-f]{32}", response.headers["X-Request-ID"])
