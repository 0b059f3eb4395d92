"""POST /datasets"""

import errno
import hashlib
import json
import os
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobs.settings import Settings
from jobs.store.database import Database
from tests.api.conftest import Serve

TEXT = "The sea was calm, and the señora sang.\n" * 20


def test_a_text_is_stored_and_described(client: FlaskClient) -> None:
    response = client.post("/datasets", json={"name": "sea", "text": TEXT})
    dataset = response.get_json()
    assert response.status_code == 201
    assert response.headers["Location"] == f"/datasets/{dataset['id']}"
    assert dataset["tokens"] > 100
    assert dataset == dataset | {
        "object": "dataset",
        "name": "sea",
        "builtin": False,
        "characters": len(TEXT),
        "bytes": len(TEXT.encode()),
        "sha256": hashlib.sha256(TEXT.encode()).hexdigest(),
        "first_lines": TEXT[:400],
        "byte_order_mark": False,
        "notices": [],
    }
    del dataset["notices"]
    assert client.get(response.headers["Location"]).get_json() == dataset


def test_equal_content_is_stored_once(client: FlaskClient) -> None:
    first = client.post("/datasets", json={"name": "sea", "text": TEXT})
    second = client.post("/datasets", json={"name": "ocean", "text": TEXT})
    again = client.post("/datasets", json={"name": "sea", "text": TEXT})
    assert second.status_code == again.status_code == 200
    assert [response.get_json().pop("notices") for response in (first, second, again)] == [
        [],
        [f"The same text is stored already: it is {first.get_json()['id']}, called 'sea'."],
        [f"The same text is stored already: it is {first.get_json()['id']}, called 'sea'."],
    ]
    records = [dict(response.get_json()) for response in (first, second, again)]
    assert all(record | {"notices": []} == records[0] for record in records)
    assert [row["name"] for row in client.get("/datasets").get_json()["data"]][2:] == ["sea"]


def test_a_byte_order_mark_is_told_and_no_part_of_the_text(client: FlaskClient) -> None:
    added = client.post("/datasets", json={"name": "sea", "text": "\ufeff" + TEXT}).get_json()
    plain = client.post("/datasets", json={"name": "sea", "text": TEXT}).get_json()
    assert added["notices"] == ["The text begins with a byte order mark, which is stored but not trained on."]
    assert (added["byte_order_mark"], plain["byte_order_mark"]) == (True, False)
    assert (added["characters"], added["tokens"], added["first_lines"]) == (
        plain["characters"],
        plain["tokens"],
        plain["first_lines"],
    )
    assert added["bytes"] == len(TEXT.encode()) + 3
    assert client.get(f"/datasets/{added['id']}").get_json()["byte_order_mark"] is True


@pytest.mark.parametrize(
    ("text", "reason"), [('{"text": "a"}\n{"text": "b"}\n', "JSON Lines"), ("\ufeff", "must not be empty")]
)
def test_what_is_no_plain_text_is_refused_with_a_hint(client: FlaskClient, text: str, reason: str) -> None:
    response = client.post("/datasets", json={"name": "sea", "text": text})
    assert response.status_code == 422
    assert reason in response.get_json(force=True)["errors"][0]["message"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize(
    ("free", "detail"), [(100, "room for 100: 700 are missing"), (10**9, "full, or its quota used up")]
)
def test_a_full_disk_is_answered_with_507_and_what_is_missing(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, number: int, free: int, detail: str
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(number, os.strerror(number), "/a/path/of/the/server")

    monkeypatch.setattr(os, "fsync", fail)
    monkeypatch.setattr("api.views.datasets.free_bytes", lambda _: free)
    response = client.post("/datasets", json={"name": "sea", "text": "a" * 800})
    assert (response.status_code, response.content_type) == (507, "application/problem+json")
    assert "the text has 800 bytes" in response.get_json(force=True)["detail"]
    assert detail in response.get_json(force=True)["detail"]
    assert b"/a/path" not in response.data
    assert len(client.get("/datasets").get_json()["data"]) == 2


def test_a_text_of_a_million_spaces_is_tokenised(client: FlaskClient) -> None:
    text = "x" + " " * 1_048_574 + "y"
    added = client.post("/datasets", json={"name": "gap", "text": text})
    assert added.status_code == 201
    spec = {"preset": "tiny", "dataset": added.get_json()["id"], "training": {"train_ratio": 0.99}}
    assert client.post("/jobs", json=spec).status_code == 201


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ([], {""}),
        ({}, {"name", "text"}),
        ({"name": "a", "text": ""}, {"text"}),
        ({"name": "a", "text": " \n"}, {"text"}),
        ({"name": "a", "text": "a\0b"}, {"text"}),
        ({"name": "a", "text": "\ud800"}, {"text"}),
        ({"name": "", "text": "a", "url": "http://x"}, {"name", "url"}),
        ({"name": 1, "text": ["a"]}, {"name", "text"}),
    ],
)
def test_a_wrong_text_is_answered_with_every_wrong_field(
    client: FlaskClient, body: Any, fields: set[str]
) -> None:
    response = client.post("/datasets", data=json.dumps(body), content_type="application/json")
    assert response.status_code == 422
    assert {error["field"] for error in response.get_json(force=True)["errors"]} == fields
    assert len(client.get("/datasets").get_json()["data"]) == 2


def test_a_text_up_to_the_limit_is_taken_however_it_is_escaped(
    serve: Serve, settings: Settings, database: Database
) -> None:
    client = serve(settings.model_copy(update={"max_dataset_bytes": 10_000}))
    escaped = json.dumps({"name": "bells", "text": "\x07" * 10_000})
    assert client.post("/datasets", data=escaped, content_type="application/json").status_code == 201
    too_long = client.post("/datasets", json={"name": "long", "text": "a" * 10_001})
    assert too_long.status_code == 413
    assert "10,001" in too_long.get_json(force=True)["detail"]
    far_too_long = client.post("/datasets", json={"name": "long", "text": "a" * 100_000})
    assert far_too_long.status_code == 413
    assert "the limit of 10,000 (PRETRAIN_MAX_DATASET_BYTES)" in far_too_long.get_json(force=True)["detail"]
    assert len(client.get("/datasets").get_json()["data"]) == 3


def test_an_upload_that_is_no_json_is_answered_with_415(client: FlaskClient) -> None:
    assert client.post("/datasets", data={"name": "form", "text": "a"}).status_code == 415
