"""POST /jobs/<id>/fork"""

import pytest
from flask.testing import FlaskClient

from jobs.lifecycle.attempts import end
from jobs.settings import Settings
from jobs.states import Status
from jobs.store.database import Database
from tests.jobs.checkpoints import resumable_checkpoint
from tests.jobs.making import running_job


def test_a_fork_is_a_new_job_that_says_where_it_goes_on(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    parent = running_job(database, settings, name="mine")
    resumable_checkpoint(database, settings, parent, 8)
    response = client.post(f"/jobs/{parent.id}/fork", json={"spec": {"training": {"num_epochs": 9}}})
    child = response.get_json()
    assert response.status_code == 201
    assert response.headers["Location"] == f"/jobs/{child['id']}"
    assert (child["status"], child["name"]) == ("queued", "mine")
    assert child["parent"] == {"job": parent.id, "checkpoint": 8}
    assert child["spec"]["training"]["num_epochs"] == 9
    assert child["progress"]["step"] == 8
    assert (child["latest"], child["best"]) == (None, None)
    assert client.get(response.headers["Location"]).get_json() == child
    assert client.get(f"/jobs/{parent.id}").get_json()["parent"] is None
    assert client.get(f"/jobs/{child['id']}/losses").get_json()["data"] == []


@pytest.mark.parametrize("body", [{"spec": {"model": {"emb_dim": 128}}}, {"checkpoint": "first"}, {"x": 1}])
def test_a_wrong_field_is_named_with_its_value(
    client: FlaskClient, database: Database, settings: Settings, body: dict[str, object]
) -> None:
    parent = running_job(database, settings)
    resumable_checkpoint(database, settings, parent, 8)
    response = client.post(f"/jobs/{parent.id}/fork", json=body)
    assert response.status_code == 422
    (error,) = response.get_json(force=True)["errors"]
    fields = {"spec.model.emb_dim": 128, "checkpoint": "first", "x": 1}
    assert fields[error["field"]] == error["value"]


def test_what_is_not_there_is_not_found(client: FlaskClient, database: Database, settings: Settings) -> None:
    assert client.post("/jobs/job-0/fork", json={}).status_code == 404
    parent = running_job(database, settings)
    none_yet = client.post(f"/jobs/{parent.id}/fork", json={})
    assert none_yet.status_code == 404
    assert "none yet" in none_yet.get_json(force=True)["detail"]
    resumable_checkpoint(database, settings, parent, 8)
    unknown = client.post(f"/jobs/{parent.id}/fork", json={"checkpoint": 9})
    assert unknown.status_code == 404
    assert "its checkpoints' steps: 8" in unknown.get_json(force=True)["detail"]


@pytest.mark.parametrize("damage", ["gone", "shorter", "manifest"])
def test_a_checkpoint_that_is_damaged_is_gone(
    client: FlaskClient, database: Database, settings: Settings, damage: str
) -> None:
    parent = running_job(database, settings)
    folder = resumable_checkpoint(database, settings, parent, 8)
    match damage:
        case "gone":
            (folder / "weights.safetensors").unlink()
        case "shorter":
            (folder / "weights.safetensors").write_bytes(b"")
        case "manifest":
            (folder / "checkpoint.json").write_bytes(b"{")
    response = client.post(f"/jobs/{parent.id}/fork", json={})
    assert (response.status_code, response.content_type) == (410, "application/problem+json")
    assert str(settings.artifacts) not in response.text
    assert len(client.get("/jobs").get_json()["data"]) == 1


def test_a_parent_that_is_needed_can_not_be_deleted_and_the_child_is_named(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    parent = running_job(database, settings)
    resumable_checkpoint(database, settings, parent, 8)
    with database.write() as session:
        end(session, parent.id, parent.attempt, Status.SUCCEEDED)
    child = client.post(f"/jobs/{parent.id}/fork", json={}).get_json()
    refused = client.delete(f"/jobs/{parent.id}")
    assert refused.status_code == 409
    assert child["id"] in refused.get_json(force=True)["detail"]
    assert client.get(f"/jobs/{parent.id}").status_code == 200
    assert client.post(f"/jobs/{child['id']}/cancel").status_code == 202
    assert client.delete(f"/jobs/{parent.id}").status_code == 204


def test_a_fork_can_not_be_ejected(client: FlaskClient, database: Database, settings: Settings) -> None:
    parent = running_job(database, settings)
    resumable_checkpoint(database, settings, parent, 8)
    child = client.post(f"/jobs/{parent.id}/fork", json={}).get_json()
    response = client.get(f"/jobs/{child['id']}/eject")
    assert response.status_code == 409
    assert f"starts from the weights of {parent.id}" in response.get_json(force=True)["detail"]
