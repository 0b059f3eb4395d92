"""POST /jobs with `start_from`, and what it keeps from being deleted"""

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from jobs.lifecycle.attempts import end
from jobs.settings import Settings
from jobs.states import Status
from jobs.store.database import Database
from jobs.store.tables import ImportedModel
from tests.gpt2_files import write_model
from tests.imported import imported_model
from tests.jobs.checkpoints import resumable_checkpoint
from tests.jobs.making import running_job


@pytest.fixture
def model(database: Database, settings: Settings, tmp_path: Path) -> ImportedModel:
    return imported_model(database, settings, write_model(tmp_path / "model"))


def test_a_job_says_which_model_it_starts_from_and_keeps_it(
    client: FlaskClient, model: ImportedModel
) -> None:
    response = client.post("/jobs", json={"dataset": "sample", "start_from": {"model": model.id}})
    assert response.status_code == 201
    job = response.get_json()
    assert job["parent"] == {"model": model.id}
    assert job["spec"]["start_from"] == {"job": None, "checkpoint": None, "model": model.id}
    assert (job["spec"]["tokenizer"], job["spec"]["model"]) == ("bytes", model.config)
    refused = client.delete(f"/models/{model.id}")
    assert refused.status_code == 409
    assert job["id"] in refused.get_json(force=True)["detail"]
    assert client.get(f"/models/{model.id}").status_code == 200
    assert client.post(f"/jobs/{job['id']}/cancel").status_code == 202
    assert client.delete(f"/models/{model.id}").status_code == 204
    assert client.get(f"/jobs/{job['id']}").get_json()["parent"] == {"model": model.id}


def test_a_job_says_which_checkpoint_it_starts_from_and_keeps_its_job(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    parent = running_job(database, settings)
    resumable_checkpoint(database, settings, parent, 8)
    with database.write() as session:
        end(session, parent.id, parent.attempt, Status.SUCCEEDED)
    job = client.post("/jobs", json={"dataset": "sample", "start_from": {"job": parent.id}}).get_json()
    assert job["parent"] == {"job": parent.id, "checkpoint": 8}
    assert client.delete(f"/jobs/{parent.id}").status_code == 409


def test_what_the_weights_rule_out_is_422_with_every_other_wrong_field(
    client: FlaskClient, model: ImportedModel
) -> None:
    body = {"start_from": {"model": model.id}, "model": {"n_layers": 3}, "training": {"batch_size": 0}}
    response = client.post("/jobs", json=body)
    assert response.status_code == 422
    errors = {error["field"]: error for error in response.get_json(force=True)["errors"]}
    assert set(errors) == {"model.n_layers", "training.batch_size"}
    assert errors["model.n_layers"]["message"] == f"must be 2, as in the model {model.id}; leave it out"
    assert errors["model.n_layers"]["value"] == 3


def test_a_job_that_starts_from_weights_is_not_one_plain_file(
    client: FlaskClient, model: ImportedModel
) -> None:
    job = client.post("/jobs", json={"dataset": "sample", "start_from": {"model": model.id}}).get_json()
    response = client.get(f"/jobs/{job['id']}/eject")
    assert response.status_code == 409
    assert model.id in response.get_json(force=True)["detail"]
