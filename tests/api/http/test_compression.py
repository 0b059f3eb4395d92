"""Long answers are sent compressed."""

import gzip
import json

import pytest
from flask import Flask, Response
from flask.testing import FlaskClient

from api.http.compression import LEAST_BYTES, register_compression

LONG = json.dumps({"text": "every effort moves you " * LEAST_BYTES})
SHORT = json.dumps({"text": "every effort"})


def client_of(response: Response) -> FlaskClient:
    """Of an application that answers everything with this."""
    app = Flask("test")
    register_compression(app)
    app.add_url_rule("/", view_func=lambda: response, methods=["GET", "POST"])
    return app.test_client()


def as_json(body: str) -> Response:
    return Response(body, content_type="application/json")


def test_long_json_is_compressed_for_whoever_takes_it_so() -> None:
    response = client_of(as_json(LONG)).get("/", headers={"Accept-Encoding": "br, gzip"})
    assert response.headers["Content-Encoding"] == "gzip"
    assert int(response.headers["Content-Length"]) == len(response.data) < len(LONG) / 10
    assert gzip.decompress(response.data).decode() == LONG
    assert response.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize("encodings", ["", "identity", "br", "gzip;q=0"])
def test_others_get_it_as_it_is_and_caches_are_told_that_it_depends(encodings: str) -> None:
    response = client_of(as_json(LONG)).get("/", headers={"Accept-Encoding": encodings})
    assert "Content-Encoding" not in response.headers
    assert response.text == LONG
    assert response.headers["Vary"] == "Accept-Encoding"


def test_what_is_short_streamed_or_no_json_is_not_compressed() -> None:
    others = [
        as_json(SHORT),
        Response((part for part in (LONG, LONG)), content_type="application/json"),
        Response(LONG, content_type="application/zip"),
        Response(LONG, content_type="text/event-stream"),
    ]
    for response in others:
        sent = client_of(response).get("/", headers={"Accept-Encoding": "gzip"})
        assert "Content-Encoding" not in sent.headers


def test_the_answer_to_a_write_is_not_compressed() -> None:
    """A token that has just been made stands in one, beside what the client sent."""
    sent = client_of(as_json(LONG)).post("/", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in sent.headers


@pytest.mark.parametrize("is_weak", [True, False])
def test_a_compressed_answer_has_a_weak_tag(*, is_weak: bool) -> None:
    response = as_json(LONG)
    response.set_etag("tag", weak=is_weak)
    sent = client_of(response).get("/", headers={"Accept-Encoding": "gzip"})
    assert sent.headers["ETag"] == 'W/"tag"'


def test_the_service_sends_its_own_description_so(bare_client: FlaskClient) -> None:
    sent = bare_client.get("/openapi.json", headers={"Accept-Encoding": "gzip"})
    assert json.loads(gzip.decompress(sent.data)) == bare_client.get("/openapi.json").json
