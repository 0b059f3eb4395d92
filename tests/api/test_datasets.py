"""POST and GET /datasets, GET /datasets/<id>"""

import hashlib
import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobs.database import Database
from jobs.datasets import find_dataset
from jobs.settings import Settings
from tests.api.conftest import Serve
from tests.jobs.making import queued_job

TEXT = "The sea was calm, and the señora sang.\n" * 20


def test_a_text_is_stored_and_described(client: FlaskClient) -> None:
    answer = client.post("/datasets", json={"name": "sea", "text": TEXT})
    dataset = answer.get_json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/datasets/{dataset['id']}"
    assert dataset["tokens"] > 100
    assert dataset == dataset | {
        "object": "dataset",
        "name": "sea",
        "builtin": False,
        "characters": len(TEXT),
        "bytes": len(TEXT.encode()),
        "sha256": hashlib.sha256(TEXT.encode()).hexdigest(),
        "first_lines": TEXT[:400],
    }
    assert client.get(answer.headers["Location"]).get_json() == dataset


def test_equal_content_is_stored_once(client: FlaskClient) -> None:
    first = client.post("/datasets", json={"name": "sea", "text": TEXT})
    second = client.post("/datasets", json={"name": "ocean", "text": TEXT})
    assert (second.status_code, second.get_json()) == (200, first.get_json())
    assert [row["name"] for row in client.get("/datasets").get_json()["data"]][2:] == ["sea"]


def test_a_job_trains_on_ones_own_text(client: FlaskClient) -> None:
    dataset = client.post("/datasets", json={"name": "sea", "text": TEXT}).get_json()
    spec = {"preset": "tiny", "dataset": dataset["id"], "model": {"context_length": 16}}
    job = client.post("/jobs", json=spec)
    assert job.status_code == 201
    assert job.get_json()["dataset_sha256"] == dataset["sha256"]


def test_a_text_of_a_million_spaces_is_tokenised(client: FlaskClient) -> None:
    text = "x" + " " * 1_048_574 + "y"
    added = client.post("/datasets", json={"name": "gap", "text": text})
    assert added.status_code == 201
    spec = {"preset": "tiny", "dataset": added.get_json()["id"], "training": {"train_ratio": 0.99}}
    assert client.post("/jobs", json=spec).status_code == 201


def test_built_in_texts_are_listed_before_anybody_used_them(client: FlaskClient) -> None:
    listed = client.get("/datasets").get_json()["data"]
    assert [(row["id"], row["builtin"], row["characters"]) for row in listed] == [
        ("the-verdict", True, None),
        ("sample", True, None),
    ]
    assert client.get("/datasets/the-verdict").get_json() == listed[0]


def test_a_built_in_text_is_described_once_it_was_used(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    queued_job(database, settings)
    text = find_dataset(database, settings, "sample")
    sample = client.get("/datasets/sample").get_json()
    assert (sample["characters"], sample["sha256"]) == (text.characters, text.sha256)
    assert sample["tokens"] is not None
    assert client.get("/datasets").get_json()["data"][1] == sample


def test_an_unknown_id_is_answered_with_404(client: FlaskClient) -> None:
    assert client.get("/datasets/dataset-0").status_code == 404


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
    answer = client.post("/datasets", data=json.dumps(body), content_type="application/json")
    assert answer.status_code == 422
    assert {error["field"] for error in answer.get_json(force=True)["errors"]} == fields
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
    assert len(client.get("/datasets").get_json()["data"]) == 3


def test_an_upload_that_is_no_json_is_answered_with_415(client: FlaskClient) -> None:
    assert client.post("/datasets", data={"name": "form", "text": "a"}).status_code == 415
