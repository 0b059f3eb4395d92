"""DELETE /datasets/<id>"""

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobs.files.layout import dataset_path, tokens_directory
from jobs.files.store import TEXTS, remove_released
from jobs.settings import Settings
from jobs.store.database import Database

TEXT = "The sea was calm, and the señora sang.\n" * 60


def add(client: FlaskClient, text: str = TEXT) -> Any:
    return client.post("/datasets", json={"name": "sea", "text": text}).get_json()


def write_tokens(settings: Settings, sha256: str, prefix: str = "") -> Path:
    file = tokens_directory(settings.artifacts) / f"{prefix}{sha256}-gpt2-0.9.tokens"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"tokens")
    return file


def test_a_data_set_goes_with_its_text_and_its_tokens(client: FlaskClient, settings: Settings) -> None:
    record, other = add(client), add(client, TEXT + "more")
    tokens, others_tokens = (write_tokens(settings, each["sha256"]) for each in (record, other))
    deleted = client.delete(f"/datasets/{record['id']}")
    assert (deleted.status_code, deleted.data) == (204, b"")
    assert client.get(f"/datasets/{record['id']}").status_code == 404
    assert client.delete(f"/datasets/{record['id']}").status_code == 404
    left = [file.name for file in (settings.artifacts / "datasets").iterdir()]
    assert left == [f"{other['sha256']}.txt"]
    assert (tokens.exists(), others_tokens.exists()) == (False, True)
    assert add(client)["id"] != record["id"]


def test_a_text_that_another_data_set_has_as_well_stays(client: FlaskClient, settings: Settings) -> None:
    client.post("/jobs", json={"preset": "tiny", "dataset": "sample"})
    sample = client.get("/datasets/sample").get_json()
    text = dataset_path(settings.artifacts, sample["sha256"])
    record = add(client, text.read_text())
    assert record["sha256"] == sample["sha256"]
    assert client.delete(f"/datasets/{record['id']}").status_code == 204
    assert text.exists()


@pytest.mark.parametrize("status", ["queued", "cancelled"])
def test_a_text_that_a_job_needs_stays_until_the_job_is_deleted(
    client: FlaskClient, settings: Settings, status: str
) -> None:
    record = add(client)
    job = client.post("/jobs", json={"preset": "tiny", "dataset": record["id"]}).get_json()
    if status == "cancelled":
        client.post(f"/jobs/{job['id']}/cancel")
    refused = client.delete(f"/datasets/{record['id']}")
    assert refused.status_code == 409
    detail = refused.get_json(force=True)["detail"]
    assert detail == f"{job['id']} needs it: a job's text is part of its record. Delete the jobs first"
    assert dataset_path(settings.artifacts, record["sha256"]).exists()
    client.post(f"/jobs/{job['id']}/cancel")
    assert client.delete(f"/jobs/{job['id']}").status_code == 204
    assert client.delete(f"/datasets/{record['id']}").status_code == 204


@pytest.mark.parametrize("name", ["sample", "the-verdict"])
def test_a_built_in_text_is_never_deleted(client: FlaskClient, name: str) -> None:
    refused = client.delete(f"/datasets/{name}")
    assert refused.status_code == 409
    assert refused.get_json(force=True)["detail"] == f"{name} is built in, and can't be deleted"


def test_a_text_whose_deletion_breaks_off_is_deleted_by_the_keeper(
    client: FlaskClient, settings: Settings, database: Database
) -> None:
    record = add(client)
    no_file = tokens_directory(settings.artifacts) / f"{record['sha256']}-gpt2-0.5.tokens"
    no_file.mkdir(parents=True)
    assert client.delete(f"/datasets/{record['id']}").status_code == 204
    no_file.rmdir()
    remove_released(database, settings.artifacts, TEXTS)
    assert not dataset_path(settings.artifacts, record["sha256"]).exists()


def test_a_text_that_was_added_again_before_its_files_were_deleted_stays(
    client: FlaskClient, settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = add(client)
    monkeypatch.setattr("jobs.files.store.remove_released", lambda *_: None)
    client.delete(f"/datasets/{record['id']}")
    again = add(client)
    for _ in range(2):
        remove_released(database, settings.artifacts, TEXTS)
        assert dataset_path(settings.artifacts, record["sha256"]).exists()
    assert client.get(f"/datasets/{again['id']}").status_code == 200


def test_tokens_that_are_still_being_written_are_waited_for(
    client: FlaskClient, settings: Settings, database: Database
) -> None:
    record = add(client)
    partial = write_tokens(settings, record["sha256"], prefix=".")
    client.delete(f"/datasets/{record['id']}")
    tokens = write_tokens(settings, record["sha256"])
    partial.unlink()
    remove_released(database, settings.artifacts, TEXTS)
    assert not tokens.exists()
