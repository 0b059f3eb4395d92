"""POST /jobs: the text that a job trains on"""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from jobs.files.layout import dataset_path
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.tables import TokenCount

TEXT = "The sea was calm, and the señora sang.\n" * 20


def test_a_job_trains_on_ones_own_text(client: FlaskClient) -> None:
    dataset = client.post("/datasets", json={"name": "sea", "text": TEXT}).get_json()
    spec = {"preset": "tiny", "dataset": dataset["id"], "model": {"context_length": 16}}
    job = client.post("/jobs", json=spec)
    assert job.status_code == 201
    assert job.get_json()["dataset_sha256"] == dataset["sha256"]


def test_a_full_disk_is_answered_with_507_where_a_job_fetches_its_text(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/a/path/of/the/server")

    monkeypatch.setattr(os, "fsync", fail)
    response = client.post("/jobs", json={"preset": "tiny", "dataset": "sample"})
    assert response.status_code == 507
    assert b"/a/path" not in response.data


@pytest.mark.parametrize(
    ("damage", "reason"), [(Path.unlink, "is gone"), (lambda path: path.write_bytes(b"ab"), "is damaged")]
)
def test_a_job_on_a_stored_text_that_is_lost_is_refused_with_what_mends_it(
    client: FlaskClient, settings: Settings, damage: Callable[[Path], object], reason: str
) -> None:
    dataset = client.post("/datasets", json={"name": "sea", "text": TEXT}).get_json()
    damage(dataset_path(settings.artifacts, dataset["sha256"]))
    response = client.post("/jobs", json={"preset": "tiny", "dataset": dataset["id"]})
    assert response.status_code == 422
    (error,) = response.get_json(force=True)["errors"]
    assert error["field"] == "dataset"
    assert reason in error["message"]
    assert "adding the same text again mends it" in error["message"]
    assert str(settings.artifacts) not in error["message"]
    client.post("/datasets", json={"name": "sea", "text": TEXT})
    spec = {"preset": "tiny", "dataset": dataset["id"], "model": {"context_length": 16}}
    assert client.post("/jobs", json=spec).status_code == 201


def test_a_job_on_a_text_that_was_changed_in_place_is_refused_where_its_tokens_are_counted(
    client: FlaskClient, settings: Settings
) -> None:
    dataset = client.post("/datasets", json={"name": "sea", "text": TEXT}).get_json()
    path = dataset_path(settings.artifacts, dataset["sha256"])
    path.write_bytes(path.read_bytes()[::-1])
    spec = {"preset": "tiny", "dataset": dataset["id"], "training": {"train_ratio": 0.5}}
    response = client.post("/jobs", json=spec)
    assert response.status_code == 422
    assert "is damaged" in response.get_json(force=True)["errors"][0]["message"]


def test_a_job_that_is_refused_leaves_no_token_counts(client: FlaskClient, database: Database) -> None:
    spec = {"preset": "tiny", "dataset": "sample", "model": {"context_length": 100_000}}
    spec |= {"training": {"train_ratio": 0.5}}
    assert client.post("/jobs", json=spec).status_code == 422
    with database.read() as session:
        counted = list(session.scalars(select(TokenCount.train_ratio)))
    assert 0.5 not in counted
