"""What is no proper JSON body is refused with 400 before anything looks at it."""

import json

import pytest
from flask.testing import FlaskClient

from api.bodies import MAX_BODY_BYTES

JSON = "application/json"

MALFORMED = {
    "no body": (b"", "empty"),
    "not JSON": (b"{", "not JSON"),
    "two values": (b"{} {}", "not JSON"),
    "a byte order mark": (b"\xef\xbb\xbf{}", "not JSON"),
    "not UTF-8": (b'{"name": "\xff"}', "byte 10"),
    "UTF-16": ('{"name": "a"}'.encode("utf-16"), "looks like UTF-16"),
    "cp1252": ('{"name": "café"}'.encode("cp1252"), "looks like cp1252"),
    "NaN": (b'{"training": {"learning_rate": NaN}}', "NaN"),
    "Infinity": (b'{"training": {"learning_rate": Infinity}}', "Infinity"),
    "minus Infinity": (b'{"training": {"learning_rate": -Infinity}}', "-Infinity"),
    "a float that overflows": (b'{"training": {"learning_rate": 1e999}}', "1e999"),
    "a name twice": (b'{"name": "a", "name": "b"}', "'name'"),
    "a name twice, inside": (b'{"training": {"seed": 1, "seed": 1}}', "'seed'"),
    "5,000 digits": (b'{"devices": ' + b"9" * 5000 + b"}", "5000 digits"),
    "33 levels": (b'{"metadata": ' + b"[" * 32 + b"]" * 32 + b"}", "32 levels"),
    "100,000 levels": (b"[" * 100_000 + b"]" * 100_000, "32 levels"),
}


@pytest.mark.parametrize(("body", "reason"), MALFORMED.values(), ids=MALFORMED.keys())
@pytest.mark.parametrize("path", ["/jobs", "/generate", "/datasets"])
def test_a_malformed_body_is_answered_with_400_and_the_reason(
    bare_client: FlaskClient, path: str, body: bytes, reason: str
) -> None:
    answer = bare_client.post(path, data=body, content_type=JSON)
    assert answer.status_code == 400
    assert answer.content_type == "application/problem+json"
    assert reason in answer.get_json(force=True)["detail"]


def test_32_levels_are_not_too_many(bare_client: FlaskClient) -> None:
    body = b'{"metadata": ' + b"[" * 31 + b"]" * 31 + b"}"
    answer = bare_client.post("/jobs", data=body, content_type=JSON)
    assert answer.status_code == 422


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "", "json"])
def test_a_body_that_is_not_called_json_is_answered_with_415(
    bare_client: FlaskClient, content_type: str
) -> None:
    answer = bare_client.post("/jobs", data=b"{}", content_type=content_type)
    assert answer.status_code == 415
    assert "application/json" in answer.get_json(force=True)["detail"]


def test_a_compressed_body_is_answered_with_415(bare_client: FlaskClient) -> None:
    answer = bare_client.post("/jobs", data=b"{}", content_type=JSON, headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 415


def test_a_body_of_more_than_a_mebibyte_is_answered_with_413(bare_client: FlaskClient) -> None:
    body = json.dumps({"name": "x" * MAX_BODY_BYTES}).encode()
    answer = bare_client.post("/jobs", data=body, content_type=JSON)
    assert answer.status_code == 413
    assert answer.get_json(force=True)["status"] == 413


def test_an_answer_quotes_no_more_than_a_part_of_a_wrong_body(bare_client: FlaskClient) -> None:
    body = json.dumps({f"field-{number}": "x" * 1000 for number in range(900)})
    answer = bare_client.post("/jobs", data=body, content_type=JSON)
    problem = answer.get_json(force=True)
    assert answer.status_code == 422
    assert problem["detail"].startswith("900 fields are wrong")
    assert len(problem["errors"]) == 100
    assert len(answer.data) < 100_000
