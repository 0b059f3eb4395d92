"""POST /datasets with a stream: text/plain, application/x-ndjson and multipart/form-data"""

import io
import json
import random
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.app import create_app
from api.services import EXTENSION
from jobs.settings import Settings
from jobs.store.database import Database
from tests.api.conftest import Serve
from tests.api.server.serving import RawClient, Served, serving
from tests.waiting import wait_until

TEXT = "The sea was calm, and the señora sang.\n" * 20
PART = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n'
NDJSON = b'{"text": "one two", "body": "three"}\n{"text": "four", "body": "five"}\n'


def send(client: FlaskClient, body: bytes, content_type: str, **query: str) -> TestResponse:
    return client.post("/datasets", data=body, content_type=content_type, query_string=query)


def error_of(response: TestResponse) -> tuple[int, str, str]:
    (error,) = response.get_json(force=True)["errors"]
    return response.status_code, error["field"], error["message"]


def stored_files(settings: Settings) -> list[Path]:
    folder = settings.artifacts / "datasets"
    return list(folder.iterdir()) if folder.exists() else []


def test_a_plain_text_is_the_one_that_json_would_have_brought(client: FlaskClient) -> None:
    streamed = send(client, TEXT.encode(), "text/plain; charset=UTF-8", name="sea")
    assert streamed.status_code == 201
    record = streamed.get_json()
    assert (record["name"], record["documents"], record["longest_document"]) == ("sea", 0, None)
    again = client.post("/datasets", json={"name": "again", "text": TEXT})
    assert (again.status_code, again.get_json()["id"]) == (200, record["id"])


def test_documents_are_taken_a_line_each(client: FlaskClient) -> None:
    record = send(client, NDJSON, "application/x-ndjson", name="four").get_json()
    assert (record["documents"], record["longest_document"], record["characters"]) == (2, 7, 13)
    assert record["first_lines"] == "one two\nfour\n"
    assert record["tokens"] == 2 + 1 + 1 + 1
    assert record["notices"] == []
    assert client.get(f"/datasets/{record['id']}").get_json()["documents"] == 2
    other = send(client, NDJSON, "application/x-ndjson", name="five", text_field="body").get_json()
    assert other["first_lines"] == "three\nfive\n"


@pytest.mark.parametrize(
    ("content", "head", "name", "documents"),
    [
        (TEXT.encode(), ["sea.txt"], "sea.txt", 0),
        (TEXT.encode(), ["a folder/sea", "application/octet-stream"], "sea", 0),
        (NDJSON, ["lines.JSONL"], "lines.JSONL", 2),
        (NDJSON, ["lines", "application/x-ndjson; charset=utf-8"], "lines", 2),
    ],
)
def test_a_form_brings_either_in_its_file(
    client: FlaskClient, content: bytes, head: list[str], name: str, documents: int
) -> None:
    response = client.post("/datasets", data={"file": (io.BytesIO(content), *head)})
    assert response.status_code == 201
    record = response.get_json()
    assert (record["name"], record["documents"]) == (name, documents)


def test_a_name_in_the_query_goes_before_the_files(client: FlaskClient) -> None:
    file = {"file": (io.BytesIO(TEXT.encode()), "sea.txt")}
    assert client.post("/datasets?name=ocean", data=file).get_json()["name"] == "ocean"


def test_the_answer_says_what_a_sender_may_not_expect(client: FlaskClient) -> None:
    plain = send(client, b"\xef\xbb\xbfa<|endoftext|>b<|endoftext|>c", "text/plain", name="ended").get_json()
    assert [notice[:44] for notice in plain["notices"]] == [
        "The text begins with a byte order mark, whic",
        "The text holds <|endoftext|> 2 times, which ",
    ]
    assert 'one a line as application/x-ndjson, such as {"text": "..."}' in plain["notices"][1]
    lines = b'{"text": ""}\n{"text": "a"}\n{"text": " "}\n'
    documents = send(client, lines, "application/x-ndjson", name="ended").get_json()
    assert documents["notices"] == ["Documents without text were left out: 2."]


@pytest.mark.parametrize(
    ("body", "kind", "query", "error"),
    [
        (b"a", "text/plain", {}, ("name", "must be given, as ?name=")),
        (b"a", "text/plain", {"name": "x" * 201}, ("name", "must have at most 200 characters")),
        (b"a", "text/plain", {"name": "x", "text_field": "y"}, ("text_field", "is for application/x-ndjson")),
        (b"a", "text/plain", {"name": "x", "colour": "y"}, ("colour", "unknown field")),
        (b"", "text/plain", {"name": "x"}, ("", "must not be empty")),
        (b"ab\xff", "text/plain", {"name": "x"}, ("", "must be UTF-8 text; byte 2 is not")),
        (b"abcdefghijkl\0", "text/plain", {"name": "x"}, ("", "must not contain a NUL character; byte 12")),
        (NDJSON, "text/plain", {"name": "x"}, ("", "looks like JSON Lines")),
        (b'{"text": 1}', "application/x-ndjson", {"name": "x"}, ("", "line 1: 'text' must be a string")),
        (b"{}", "application/json", {"name": "x"}, ("", "")),
    ],
)
def test_what_is_wrong_is_answered_with_422_and_leaves_nothing(
    client: FlaskClient,
    settings: Settings,
    body: bytes,
    kind: str,
    query: dict[str, str],
    error: tuple[str, str],
) -> None:
    response = send(client, body, kind, **query)
    if kind == "application/json":
        assert {wrong["field"] for wrong in response.get_json(force=True)["errors"]} == {"name", "text"}
    else:
        status, field, message = error_of(response)
        assert (status, field) == (422, error[0])
        assert message.startswith(error[1])
    assert stored_files(settings) == []
    assert len(client.get("/datasets").get_json()["data"]) == 2


def test_json_takes_nothing_from_the_query(client: FlaskClient) -> None:
    response = client.post("/datasets?name=x", json={"name": "y", "text": "a"})
    assert error_of(response) == (422, "name", "is for streams; in application/json the body has everything")


@pytest.mark.parametrize(
    ("filename", "message"),
    [("x" * 201, "must have at most 200 characters; give another one as ?name="), ("a/", "must be given")],
)
def test_a_filename_that_can_be_no_name_is_refused(
    client: FlaskClient, settings: Settings, filename: str, message: str
) -> None:
    response = client.post("/datasets", data={"file": (io.BytesIO(b"a"), filename)})
    status, field, reason = error_of(response)
    assert (status, field) == (422, "name")
    assert reason.startswith(message)
    assert stored_files(settings) == []


@pytest.mark.parametrize(
    ("headers", "detail"),
    [
        (
            {},
            "Content-Type must be text/plain, application/x-ndjson, multipart/form-data or application/json",
        ),
        ({"Content-Type": "application/x-www-form-urlencoded"}, "not 'application/x-www-form-urlencoded'"),
        ({"Content-Type": "text/plain; charset=latin-1"}, "the text must be in UTF-8, not 'latin-1'"),
        ({"Content-Type": "text/plain", "Content-Encoding": "gzip"}, "the body must not be compressed"),
    ],
)
def test_another_kind_of_body_is_answered_with_415(
    client: FlaskClient, headers: dict[str, str], detail: str
) -> None:
    response = client.post("/datasets?name=x", data=b"text", headers=headers)
    assert response.status_code == 415
    assert detail in response.get_json(force=True)["detail"]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-ndjson", "multipart/form-data; boundary=b"])
@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_beyond_the_limit_is_answered_with_413(
    serve: Serve, settings: Settings, database: Database, kind: str, chunked: bool
) -> None:
    client = serve(settings.model_copy(update={"max_dataset_bytes": 1000}))
    body = (PART if "multipart" in kind else b"") + b"a" * 300_000
    if "json" in kind:
        body = b'{"text": "a"}' + b"\n" * 300_000
    arguments: Any = {"data": body}
    if chunked:
        arguments = {"input_stream": io.BytesIO(body), "environ_overrides": {"wsgi.input_terminated": True}}
    response = client.post("/datasets?name=x", content_type=kind, **arguments)
    assert response.status_code == 413
    detail = response.get_json(force=True)["detail"]
    assert detail == "the text has more bytes than the limit of 1,000 (PRETRAIN_MAX_DATASET_BYTES)"
    assert stored_files(settings) == []


def test_a_long_text_in_json_is_referred_to_streams(client: FlaskClient, settings: Settings) -> None:
    for size in (2**20 + 1, 7 * 2**20):
        response = client.post("/datasets", json={"name": "long", "text": "a" * size})
        assert response.status_code == 413
        detail = response.get_json(force=True)["detail"]
        assert "the 1,048,576 that JSON may hold; send it as text/plain or application/x-ndjson" in detail


def test_a_text_that_the_disk_cannot_hold_is_refused_before_it_is_read(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.views.datasets.free_bytes", lambda _: 100)
    refused = send(client, b"a" * 800, "text/plain", name="x")
    assert refused.status_code == 507
    assert (
        "the text has 800 bytes, and the disk of the service has room for 100: 700 are missing"
        in refused.text
    )


def test_the_limit_comes_before_the_disk(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.views.datasets.free_bytes", lambda _: 100)
    response = client.post(
        "/datasets?name=x",
        content_type="text/plain",
        environ_overrides={"CONTENT_LENGTH": str(20 * 2**30 + 1)},
    )
    assert response.status_code == 413


def test_documents_on_a_full_disk_are_answered_with_what_had_arrived(
    client: FlaskClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    monkeypatch.setattr("api.views.datasets.free_bytes", lambda _: 10)
    refused = send(client, NDJSON, "application/x-ndjson", name="x")
    assert refused.status_code == 507
    arrived = f"{len(NDJSON)} of {len(NDJSON)} bytes had arrived, and the disk of the service has room for 10"
    missing = f"about {len(NDJSON) - 10} are missing"
    assert refused.get_json(force=True)["detail"] == f"{arrived}: {missing}"
    assert stored_files(settings) == []


def test_longer_texts_have_no_token_total_until_a_worker_has_counted_it(client: FlaskClient) -> None:
    short = send(client, b"abc " * 2**14, "text/plain", name="short").get_json()
    long = send(client, b"abc " * 2**14 + b"d", "text/plain", name="long").get_json()
    assert (short["status"], short["tokens"]) == ("ready", 2**15)
    assert (long["status"], long["tokens"]) == ("preparing", None)


@pytest.fixture
def served(settings: Settings, database: Database) -> Iterator[Served]:
    app = create_app(settings)
    with serving(app) as server:
        yield server
    app.extensions[EXTENSION].database.close()


def upload_bodies() -> dict[str, bytes]:
    documents = (json.dumps({"text": f"document {number} " * 50}) for number in range(999))
    lines = "\n".join(documents).encode()
    return {
        "text/plain": TEXT.encode() * 1000,
        "application/x-ndjson": lines,
        "multipart/form-data; boundary=b": PART + lines + b"\r\n--b--",
    }


@pytest.mark.sqlite_will_do
@pytest.mark.parametrize("kind", list(upload_bodies()))
def test_nothing_is_left_of_an_upload_that_is_cut_anywhere(
    served: Served, settings: Settings, kind: str
) -> None:
    body = upload_bodies()[kind]
    rng = random.Random(kind)
    for cut in [0, 1, len(body) - 1, *(rng.randrange(len(body)) for _ in range(5))]:
        with RawClient(served.port) as client:
            client.start_post("/datasets?name=cut", f"Content-Type: {kind}", f"Content-Length: {len(body)}")
            client.send(body[:cut])
            if cut % 2:
                client.half_close()
                assert client.response().status == 400
            else:
                client.reset()
        wait_until(lambda: stored_files(settings) == [], f"the file of an upload that was cut at {cut}")
    with RawClient(served.port) as client:
        assert client.post("/datasets?name=whole", body, f"Content-Type: {kind}").response().status == 201
    # What a client that has gone had begun to send may come to its view only now.
    wait_until(lambda: len(stored_files(settings)) == 1, "the file of this one alone was there")


@pytest.mark.sqlite_will_do
def test_an_upload_takes_no_memory_by_its_size(served: Served, settings: Settings) -> None:
    line = json.dumps({"text": "a document of some length " * 40}).encode() + b"\n"
    block = line * (2**20 // len(line))
    blocks = 64
    size = blocks * len(block)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with RawClient(served.port) as client:
        kind = "Content-Type: application/x-ndjson"
        client.start_post("/datasets?name=long", kind, f"Content-Length: {size}")
        for _ in range(blocks):
            client.send(block)
        record = json.loads(client.response().body)
    assert record["documents"] == blocks * (2**20 // len(line))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30_000  # KiB
