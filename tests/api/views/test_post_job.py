"""POST /jobs"""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from jobs.files.datasets import find_dataset, store_dataset
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.lookup import get_job
from jobs.store.tables import Table
from tests.api.conftest import Serve
from tests.jobs.messages import messages

TINY = {"preset": "tiny", "dataset": "sample"}


def test_a_job_is_stored_and_published(client: FlaskClient, database: Database, settings: Settings) -> None:
    response = client.post("/jobs", json={**TINY, "name": "first", "metadata": {"team": "blue"}})
    job = response.get_json()
    assert response.status_code == 201
    assert response.headers["Location"] == f"/jobs/{job['id']}"
    assert client.get(response.headers["Location"]).get_json() | {"status": "queued"} == job
    assert (job["status"], job["name"], job["metadata"]) == ("queued", "first", {"team": "blue"})
    assert messages(settings) == 1


def test_the_response_has_every_field_of_the_contract(client: FlaskClient) -> None:
    job = client.post("/jobs", json=TINY).get_json()
    assert set(job) == {
        "id", "object", "name", "notes", "tags", "starred", "archived", "owner", "shared",
        "status", "stopping", "spec", "progress", "latest", "best", "attempt",
        "failures", "numerics", "threads", "parent", "disk_bytes", "dataset_sha256", "parameters", "device",
        "error", "created_at", "started_at", "finished_at", "metadata", "queue_position", "waiting_for",
        "ended_by",
    }  # fmt: skip
    assert set(job["progress"]) == {
        "epoch", "step", "total_steps", "tokens_seen", "fraction", "tokens_per_s", "remaining_s",
    }  # fmt: skip
    assert job["object"] == "job"
    assert job["created_at"].endswith("Z")


def test_a_preset_fills_in_what_the_spec_leaves_out(client: FlaskClient) -> None:
    spec = client.post("/jobs", json={**TINY, "model": {"n_layers": 1}}).get_json()["spec"]
    assert spec["model"] == {
        "context_length": 64, "emb_dim": 64, "n_heads": 4, "n_layers": 1, "drop_rate": 0.1,
        "qkv_bias": False, "tie_weights": True, "initialization": "gpt2",
    }  # fmt: skip
    assert spec["training"]["num_epochs"] == 3
    assert spec["training"]["betas"] == [0.9, 0.999]
    assert spec["sampling"]["start_context"] == "Every effort moves you"


def test_a_spec_has_what_is_sampled_before_how_as_in_the_contract(client: FlaskClient) -> None:
    spec = client.post("/jobs", json=TINY).get_json()["spec"]
    assert list(spec["sampling"]) == [
        *("start_context", "every_epochs", "every_steps"),
        *("max_new_tokens", "temperature", "top_k", "top_p"),
    ]


def test_an_empty_object_is_the_lectures_job(client: FlaskClient) -> None:
    response = client.post("/jobs", json={"dataset": "sample"})
    assert response.status_code == 201
    assert response.get_json()["parameters"] == 162_419_712


def wrong_fields(response: Any) -> dict[str, str]:
    assert response.status_code == 422, response.data
    assert response.content_type == "application/problem+json"
    return {error["field"]: error["message"] for error in json.loads(response.data)["errors"]}


WRONG: dict[str, tuple[Any, set[str]]] = {
    "an array": ([], {""}),
    "a text": ("spec", {""}),
    "null": (None, {""}),
    "an array for a section": ({"model": []}, {"model"}),
    "an unknown field": ({"modle": {}}, {"modle"}),
    "an unknown field of a section": ({"training": {"lr": 1}}, {"training.lr"}),
    "a boolean for an integer": ({"devices": True}, {"devices"}),
    "a text for an integer": ({"training": {"num_epochs": "10"}}, {"training.num_epochs"}),
    "a fraction for an integer": ({"training": {"batch_size": 1.5}}, {"training.batch_size"}),
    "no steps": ({"training": {"max_steps": 0}}, {"training.max_steps"}),
    "no epochs": ({"training": {"num_epochs": 0}}, {"training.num_epochs"}),
    "heads that do not divide the width": ({"model": {"emb_dim": 65}}, {"model.emb_dim"}),
    "a rate of zero": ({"training": {"learning_rate": 0}}, {"training.learning_rate"}),
    "a negative rate": ({"training": {"learning_rate": -1e-3}}, {"training.learning_rate"}),
    "an integer past 2^63": ({"training": {"seed": 2**63}}, {"training.seed"}),
    "NUL in a text": ({"name": "a\0b"}, {"name"}),
    "a lone surrogate in a text": ({"sampling": {"start_context": "\ud800"}}, {"sampling.start_context"}),
    "a lone surrogate in a label": ({"metadata": {"\ud800": "x"}}, {"metadata.\\ud800"}),
    "a lone surrogate in a field's name": ({"\ud800": 1, "devices": 0}, {"\\ud800", "devices"}),
    "fields that the service sets": ({"status": "succeeded", "id": "job-1"}, {"status", "id"}),
    "an unknown preset": ({"preset": "huge"}, {"preset"}),
    "a preset that is no text": ({"preset": ["tiny"]}, {"preset"}),
    "an unknown tokenizer": ({"tokenizer": "words"}, {"tokenizer"}),
    "an unknown data set": ({"dataset": "dataset-0"}, {"dataset"}),
    "several devices": ({"devices": 2}, {"devices"}),
    "another queue": ({"queue": "gpu"}, {"queue"}),
    "a compiled reference": (
        {"training": {"compile": True, "numerics": "reference"}}, {"training.compile"}
    ),
    "too few windows for a batch": ({"training": {"batch_size": 1_000}}, {"training.batch_size"}),
    "more steps than the limit": (
        {"training": {"max_steps": 1_001, "num_epochs": 99}}, {"training.max_steps"}
    ),
    "more samples than the limit": (
        {"training": {"num_epochs": 101, "batch_size": 70}}, {"training.num_epochs"}
    ),
    "a stride that leaves too few windows": ({"training": {"stride": 10**9}}, {"training.stride"}),
    "a warm-up longer than the job": ({"training": {"warmup_steps": 109}}, {"training.warmup_steps"}),
    "everything at once": (
        {
            "model": {"emb_dim": 66, "n_layers": 0, "drop_rate": 1},
            "training": {"learning_rate": 0, "num_epochs": True, "extra": 1},
            "tokenizer": "words",
            "queue": "gpu",
            "metadata": {"a": 1},
        },
        {
            "model.emb_dim", "model.n_layers", "model.drop_rate", "training.learning_rate",
            "training.num_epochs", "training.extra", "tokenizer", "queue", "metadata.a",
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize(("spec", "fields"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_spec_is_answered_with_every_wrong_field_and_leaves_nothing_behind(
    serve: Serve, database: Database, settings: Settings, spec: Any, fields: set[str]
) -> None:
    find_dataset(database, settings, "sample")  # a built-in text stays where it has been used once
    before = everything_stored(database, settings)
    client = serve(settings.model_copy(update={"max_samples": 100, "max_steps": 1_000}))
    body = {**TINY, **spec} if isinstance(spec, dict) else spec
    response = client.post("/jobs", data=json.dumps(body), content_type="application/json")
    assert set(wrong_fields(response)) == fields
    assert everything_stored(database, settings) == before
    assert messages(settings) == 0


def everything_stored(database: Database, settings: Settings) -> tuple[dict[str, int], set[Path]]:
    """How many rows each table has, and every file."""
    with database.read() as session:
        rows = {
            table.name: session.scalar(select(func.count()).select_from(table)) or 0
            for table in Table.metadata.tables.values()
        }
    return rows, {path for path in settings.artifacts.rglob("*") if path.is_file()}


def test_a_job_that_is_refused_for_its_text_leaves_no_counts_of_it_behind(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    find_dataset(database, settings, "sample")
    before = everything_stored(database, settings)
    for train_ratio in (0.51, 0.52, 0.53):
        body = {**TINY, "training": {"train_ratio": train_ratio}, "model": {"context_length": 100_000}}
        assert client.post("/jobs", json=body).status_code == 422
    assert everything_stored(database, settings) == before


def test_a_wrong_field_is_named_with_what_was_given_and_what_would_be_right(client: FlaskClient) -> None:
    response = client.post("/jobs", json={**TINY, "model": {"emb_dim": 66}})
    assert response.get_json(force=True)["errors"] == [
        {"field": "model.emb_dim", "message": "must be a multiple of model.n_heads (4)", "value": 66}
    ]


def test_what_is_not_supported_yet_says_so(client: FlaskClient) -> None:
    assert "not supported yet" in wrong_fields(client.post("/jobs", json={**TINY, "devices": 2}))["devices"]


def test_a_context_longer_than_the_text_is_answered_with_how_many_tokens_there_are_and_what_fits(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    dataset, _ = store_dataset(database, settings, "short", b"abcdefghij" * 10)
    spec = {"preset": "tiny", "tokenizer": "bytes", "dataset": dataset.id}
    message = wrong_fields(client.post("/jobs", json=spec))["model.context_length"]
    assert "90 training and 10 validation tokens" in message
    assert "largest context that fits is 9" in message
    fitting = {**spec, "model": {"context_length": 9}, "training": {"batch_size": 1}}
    assert client.post("/jobs", json=fitting).status_code == 201


def test_a_model_too_large_for_the_memory_is_answered_with_both_figures(
    serve: Serve, database: Database, settings: Settings
) -> None:
    small = settings.model_copy(update={"max_job_memory": 2**30})
    response = serve(small).post("/jobs", json={"dataset": "sample"})
    message = wrong_fields(response)["model"]
    assert "162,419,712 parameters" in message
    assert "limit of 1.0 GiB (PRETRAIN_MAX_JOB_MEMORY)" in message


def test_a_built_in_text_that_cannot_be_fetched_is_answered_with_the_one_that_can(
    serve: Serve, database: Database, settings: Settings, tmp_path: Path, no_network: None
) -> None:
    away = settings.model_copy(update={"dataset_mirror": str(tmp_path / "nowhere")})
    response = serve(away).post("/jobs", json={})
    assert "`sample`" in wrong_fields(response)["dataset"]


def test_a_job_is_taken_while_the_broker_is_away(
    serve: Serve, database: Database, settings: Settings
) -> None:
    away = settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    response = serve(away).post("/jobs", json=TINY)
    assert response.status_code == 201
    with database.read() as session:
        assert get_job(session, response.get_json()["id"]).status == "queued"


def test_a_job_is_taken_while_the_broker_accepts_and_never_answers(
    serve: Serve, database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.services.PUBLISH_TIMEOUT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        client = serve(settings.model_copy(update={"redis_url": url}))
        response = client.post("/jobs", json=TINY)
    assert response.status_code == 201
    with database.read() as session:
        assert get_job(session, response.get_json()["id"]).status == "queued"


def test_a_database_that_is_away_right_after_the_commit_does_not_turn_a_stored_job_into_an_error(
    client: FlaskClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.post("/jobs", json=TINY)  # so that the tokens are counted
    writes: list[None] = []

    @contextmanager
    def write(self: Database) -> Iterator[Session]:
        with true_write(self) as session:
            yield session
        writes.append(None)

    @contextmanager
    def read(self: Database) -> Iterator[Session]:
        if writes:
            raise OperationalError("BEGIN", {}, Exception("connection refused"))
        with true_read(self) as session:
            yield session

    true_write, true_read = Database.write, Database.read
    monkeypatch.setattr(Database, "write", write)
    monkeypatch.setattr(Database, "read", read)
    response = client.post("/jobs", json=TINY)
    assert (response.status_code, response.get_json()["queue_position"]) == (201, 2)
    assert writes


def test_the_id_of_the_request_stays_with_the_job_for_the_logs(
    client: FlaskClient, database: Database
) -> None:
    posted = client.post(
        "/jobs", json={"preset": "tiny", "dataset": "sample"}, headers={"X-Request-ID": "r-1"}
    )
    with database.read() as session:
        assert get_job(session, posted.get_json()["id"]).request_id == "r-1"
    assert "request_id" not in posted.get_json()
