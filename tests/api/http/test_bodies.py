"""What is no proper JSON body is refused with 400 before anything looks at it."""

import json
import tracemalloc

import pytest
from flask.testing import FlaskClient

from api.http.bodies import MAX_BODY_BYTES, check_size, decode
from api.http.problems import HTTPProblem

JSON = "application/json"

MALFORMED = {
    "no body": (b"", "empty"),
    "not JSON": (b"{", "not JSON"),
    "two values": (b"{} {}", "not JSON"),
    "a byte order mark": (b"\xef\xbb\xbf{}", "not JSON: it begins with a byte order mark"),
    "not UTF-8": (b'{"name": "\xff"}', "byte 10"),
    "UTF-16": ('{"name": "a"}'.encode("utf-16"), "looks like UTF-16"),
    "cp1252": ('{"name": "café"}'.encode("cp1252"), "looks like cp1252"),
    "NaN": (b'{"training": {"learning_rate": NaN}}', "NaN"),
    "Infinity": (b'{"training": {"learning_rate": Infinity}}', "Infinity"),
    "minus Infinity": (b'{"training": {"learning_rate": -Infinity}}', "-Infinity"),
    "a float that overflows": (b'{"training": {"learning_rate": 1e999}}', "1e999"),
    "a name twice": (b'{"name": "a", "name": "b"}', "'name'"),
    "a name twice, inside": (b'{"training": {"seed": 1, "seed": 1}}', "'seed'"),
    "5,000 digits": (b'{"devices": ' + b"9" * 5000 + b"}", "5,000 digits"),
    "33 levels": (b'{"metadata": ' + b"[" * 32 + b"]" * 32 + b"}", "32 levels"),
    "1,001 values": (b"[" + b"0," * 1000 + b"0]", "more than 1,000 values"),
    "values that are empty objects": (b"[" + b"{}," * 100_000 + b"{}]", "more than 1,000 values"),
    "430,000 unknown fields": (
        b"{" + b",".join(b'"%x":0' % number for number in range(110_000)) + b"}",
        "more than 1,000 values",
    ),
    "strings without commas": (b'""' * 500_000, "more than 1,000 values"),
    "a string without an end": (b'{"name": "' + b'\\"' * 500_000, "not JSON"),
    "a fraction of 5,000 digits": (b'{"devices": 0.' + b"1" * 5000 + b"}", "5,002 digits"),
    "100,000 levels": (b"[" * 100_000 + b"]" * 100_000, "32 levels"),
}


@pytest.mark.parametrize(("body", "reason"), MALFORMED.values(), ids=MALFORMED.keys())
@pytest.mark.parametrize("path", ["/jobs", "/generate", "/datasets"])
def test_a_malformed_body_is_answered_with_400_and_the_reason(
    bare_client: FlaskClient, path: str, body: bytes, reason: str
) -> None:
    response = bare_client.post(path, data=body, content_type=JSON)
    assert response.status_code == 400
    assert response.content_type == "application/problem+json"
    assert reason in response.get_json(force=True)["detail"]


def test_what_stands_in_strings_counts_for_nothing(bare_client: FlaskClient) -> None:
    text = '[{,\\"\\\\' * 10_000
    response = bare_client.post("/jobs", data=json.dumps({"unknown": text}), content_type=JSON)
    assert [error["field"] for error in response.get_json(force=True)["errors"]] == ["unknown"]


def test_a_body_is_read_no_further_than_to_what_is_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before, every field was read, and an error made for it: 517 MB and 13 s for 430,000 of them."""
    monkeypatch.setattr("api.http.bodies.json.loads", lambda *_, **__: pytest.fail("it was read"))
    body = b"{" + b",".join(b'"%x":[]' % number for number in range(90_000)) + b"}"
    text = body.decode()
    tracemalloc.start()
    with pytest.raises(HTTPProblem, match="more than 1,000 values"):
        check_size(text)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 100_000
    with pytest.raises(HTTPProblem, match="more than 1,000 values"):
        decode(body)


def test_a_refusal_takes_no_more_memory_than_a_few_copies_of_the_body(bare_client: FlaskClient) -> None:
    bodies = [
        b"{" + b",".join(b'"%x":0' % number for number in range(110_000)) + b"}",
        b"{" + b",".join(b'"%d":"%s"' % (number, b"\\u0001" * 170) for number in range(990)) + b"}",
        b'{"metadata": {' + b",".join(b'"%d": [[]]' % number for number in range(320)) + b"}}",
        b'{"name": "' + b"\\ud83d" * 170_000 + b'"}',
    ]
    bare_client.post("/jobs", data=b"{", content_type=JSON)
    for body in bodies:
        tracemalloc.start()
        response = bare_client.post("/jobs", data=body, content_type=JSON)
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert response.status_code in {400, 422}
        assert len(response.data) < 200_000  # 100 values of 200 characters, each an escape of six
        assert peak_bytes < 12 * MAX_BODY_BYTES


@pytest.mark.parametrize("number", ["7.0", "7e0", "70e-1", "7.000"])
def test_a_whole_number_is_an_integer_however_it_is_written(number: str) -> None:
    (value,) = decode(f"[{number}]".encode())
    assert (value, type(value)) == (7, int)


@pytest.mark.parametrize("number", ["7.5", "1e300", "-9007199254740994.0"])
def test_what_is_not_whole_or_not_exact_stays_a_float(number: str) -> None:
    (value,) = decode(f"[{number}]".encode())
    assert (value, type(value)) == (float(number), float)


def test_32_levels_are_not_too_many(bare_client: FlaskClient) -> None:
    body = b'{"metadata": ' + b"[" * 31 + b"]" * 31 + b"}"
    response = bare_client.post("/jobs", data=body, content_type=JSON)
    assert response.status_code == 422


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "", "json"])
def test_a_body_that_is_not_called_json_is_answered_with_415(
    bare_client: FlaskClient, content_type: str
) -> None:
    response = bare_client.post("/jobs", data=b"{}", content_type=content_type)
    assert response.status_code == 415
    assert "application/json" in response.get_json(force=True)["detail"]


def test_a_compressed_body_is_answered_with_415(bare_client: FlaskClient) -> None:
    response = bare_client.post("/jobs", data=b"{}", content_type=JSON, headers={"Content-Encoding": "gzip"})
    assert response.status_code == 415


def test_a_body_of_more_than_a_mebibyte_is_answered_with_413(bare_client: FlaskClient) -> None:
    body = json.dumps({"name": "x" * MAX_BODY_BYTES}).encode()
    response = bare_client.post("/jobs", data=body, content_type=JSON)
    assert response.status_code == 413
    assert response.get_json(force=True)["status"] == 413
    assert response.get_json(force=True)["detail"] == "the body has more bytes than the limit of 1,048,576"


def test_a_response_quotes_no_more_than_a_part_of_a_wrong_body(bare_client: FlaskClient) -> None:
    body = json.dumps({f"field-{number}": "x" * 1000 for number in range(900)})
    response = bare_client.post("/jobs", data=body, content_type=JSON)
    problem = response.get_json(force=True)
    assert response.status_code == 422
    assert problem["detail"].startswith("900 fields are wrong")
    assert len(problem["errors"]) == 100
    assert len(response.data) < 100_000
