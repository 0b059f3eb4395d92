"""POST, GET, DELETE /tokenizers, and their download"""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from tokenizers import Tokenizer

from jobs.files.layout import tokenizer_path
from jobs.files.tokenizers import find_tokenizer
from jobs.settings import Settings
from jobs.store.database import Database
from tests.jobs.making import long_dataset, prepare_all, queued_job

ASKED = {"name": "mine", "dataset": "sample", "vocab_size": 400}


def post(client: FlaskClient, **fields: Any) -> dict[str, Any]:
    response = client.post("/tokenizers", json={**ASKED, **fields})
    assert response.status_code == 202, response.data
    record: dict[str, Any] = response.get_json()
    assert response.headers["Location"] == f"/tokenizers/{record['id']}"
    return record


def errors_of(client: FlaskClient, body: Any) -> dict[str, str]:
    response = client.post("/tokenizers", json=body)
    assert response.status_code == 422, response.data
    return {error["field"]: error["message"] for error in response.get_json(force=True)["errors"]}


def test_a_tokenizer_is_prepared_by_a_worker_and_says_what_came_out(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    record = post(client)
    assert record["object"] == "tokenizer"
    assert (record["status"], record["asked_vocab_size"], record["vocab_size"]) == ("preparing", 400, None)
    assert (record["bytes_per_token"], record["sha256"], record["error"]) == (None, None, None)
    prepare_all(database, settings)
    ready = client.get(f"/tokenizers/{record['id']}").get_json()
    assert (ready["status"], ready["vocab_size"], ready["fraction"]) == ("ready", 400, 1.0)
    assert 1 < ready["bytes_per_token"] < ready["gpt2_bytes_per_token"], "400 tokens are fewer than 50,257"
    sample = client.get("/datasets/sample").get_json()
    assert (ready["dataset"], ready["dataset_sha256"]) == ("sample", sample["sha256"])
    assert ready["measured_bytes"] == sample["bytes"]
    listed = client.get("/tokenizers").get_json()
    assert (listed["object"], listed["data"], listed["has_more"]) == ("list", [ready], False)


def test_a_text_that_is_too_small_gives_fewer_tokens_and_says_so(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    dataset = client.post("/datasets", json={"name": "small", "text": "abab xy"}).get_json()
    record = post(client, dataset=dataset["id"])
    prepare_all(database, settings)
    ready = client.get(f"/tokenizers/{record['id']}").get_json()
    assert (ready["asked_vocab_size"], ready["vocab_size"]) == (400, 258)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"vocab_size": 256}, {"vocab_size": "must be at least 257"}),
        ({"vocab_size": 100_001}, {"vocab_size": "must be at most 100,000"}),
        ({"vocab_size": "400"}, {"vocab_size": "must be an integer"}),
        ({"vocab_size": True, "name": ""}, {"vocab_size": "must be an integer", "name": "must not be empty"}),
        ({"dataset": 1, "colour": "red"}, {"dataset": "must be a string", "colour": "unknown field"}),
    ],
)
def test_every_wrong_field_is_named(
    client: FlaskClient, fields: dict[str, Any], wrong: dict[str, str]
) -> None:
    assert errors_of(client, {**ASKED, **fields}) == wrong


def test_the_fields_are_needed_and_the_data_set_must_be_there(client: FlaskClient) -> None:
    assert errors_of(client, {}) == dict.fromkeys(ASKED, "must be given")
    unknown = errors_of(client, {**ASKED, "dataset": "nowhere"})
    assert unknown["dataset"].startswith("unknown; a built-in one")
    assert client.get("/tokenizers").get_json()["data"] == []


@pytest.mark.parametrize("size", [257, 100_000])
def test_the_limits_themselves_are_taken(client: FlaskClient, size: int) -> None:
    assert post(client, vocab_size=size)["asked_vocab_size"] == size


def test_the_download_is_hugging_faces_file_with_the_same_tokens(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    record = post(client)
    url = f"/tokenizers/{record['id']}/download"
    early = client.get(url)
    assert early.status_code == 409
    assert early.get_json(force=True)["detail"] == f"the tokenizer {record['id']} is still being trained"
    prepare_all(database, settings)
    response = client.get(url)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Content-Disposition"] == "attachment; filename=tokenizer.json"
    theirs, ours = Tokenizer.from_str(response.text), find_tokenizer(database, settings, record["id"])
    for text in ("Every effort moves you", "  a\n\n\t 今天天气很好 👍🏽 é", ""):
        assert theirs.encode(text).ids == ours.encode(text)
    assert json.loads(response.data)["model"]["type"] == "BPE"
    again = client.get(url, headers={"If-None-Match": response.headers["ETag"]})
    assert again.status_code == 304


def test_a_file_that_is_gone_is_410(client: FlaskClient, database: Database, settings: Settings) -> None:
    record = post(client)
    prepare_all(database, settings)
    ready = client.get(f"/tokenizers/{record['id']}").get_json()
    tokenizer_path(settings.artifacts, ready["sha256"]).unlink()
    lost = client.get(f"/tokenizers/{record['id']}/download")
    assert lost.status_code == 410
    assert str(settings.artifacts) not in lost.text
    refused = client.post("/jobs", json={"preset": "tiny", "dataset": "sample", "tokenizer": record["id"]})
    (error,) = refused.get_json(force=True)["errors"]
    assert (error["field"], error["value"]) == ("tokenizer", record["id"])
    assert error["message"] == f"the file of the tokenizer {record['id']} is gone"


def test_what_is_not_there_is_404(client: FlaskClient) -> None:
    for method, path in (("GET", ""), ("GET", "/download"), ("DELETE", "")):
        response = client.open(f"/tokenizers/tokenizer-0{path}", method=method)
        assert response.status_code == 404
        assert response.get_json(force=True)["detail"] == "no tokenizer 'tokenizer-0'"


def test_a_tokenizer_can_be_deleted_and_its_file_goes(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    record = post(client)
    prepare_all(database, settings)
    ready = client.get(f"/tokenizers/{record['id']}").get_json()
    assert client.delete(f"/tokenizers/{record['id']}").status_code == 204
    assert not tokenizer_path(settings.artifacts, ready["sha256"]).exists()
    assert client.delete(f"/tokenizers/{record['id']}").status_code == 404


def test_a_tokenizer_that_a_job_needs_is_409(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    record = post(client)
    job = queued_job(database, settings, tokenizer=record["id"], model={"context_length": 16})
    refused = client.delete(f"/tokenizers/{record['id']}")
    assert refused.status_code == 409
    why = "a tokenizer is kept while a job of it can still run or has checkpoints. Delete the jobs first"
    assert refused.get_json(force=True)["detail"] == f"{job.id} needs it: {why}"
    newest = queued_job(database, settings, tokenizer=record["id"], model={"context_length": 16})
    refused = client.delete(f"/tokenizers/{record['id']}")
    assert refused.get_json(force=True)["detail"] == f"2 jobs need it, such as {newest.id}: {why}"


def test_a_job_says_that_it_waits_for_its_tokenizer(client: FlaskClient) -> None:
    spec = {"preset": "tiny", "dataset": "sample", "tokenizer": post(client)["id"]}
    response = client.post("/jobs", json=spec)
    assert response.status_code == 201, response.data
    job = response.get_json()
    assert job["waiting_for"].startswith("its tokenizer is to be trained")
    assert job["progress"]["total_steps"] is None


@pytest.mark.parametrize("name", ["tokenizer-0", "gpt3"])
def test_a_job_on_an_unknown_tokenizer_is_refused(client: FlaskClient, name: str) -> None:
    response = client.post("/jobs", json={"preset": "tiny", "dataset": "sample", "tokenizer": name})
    assert response.status_code == 422
    (error,) = response.get_json(force=True)["errors"]
    assert error == {
        "field": "tokenizer",
        "message": "unknown; gpt2, bytes or the id of one of GET /tokenizers",
        "value": name,
    }


def test_one_on_a_text_that_is_being_prepared_is_accepted_and_waits(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    dataset = long_dataset(database, settings)
    record = post(client, dataset=dataset.id)
    prepare_all(database, settings)
    assert client.get(f"/datasets/{dataset.id}").get_json()["status"] == "ready"
    assert client.get(f"/tokenizers/{record['id']}").get_json()["status"] == "ready"
