"""POST /jobs/<id>/finish and /checkpoint"""

import pytest
from flask.testing import FlaskClient

from jobs.settings import Settings
from jobs.states import Status
from jobs.store.database import Database
from tests.api.seeds import ended_job
from tests.jobs.making import queued_job, running_job


def test_a_running_job_is_asked_to_finish_and_repeats_change_nothing(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    first = client.post(f"/jobs/{job.id}/finish")
    assert first.status_code == 202
    assert (first.get_json()["status"], first.get_json()["stopping"]) == ("running", "finish")
    again = client.post(f"/jobs/{job.id}/finish")
    assert (again.status_code, again.get_json()) == (202, first.get_json())


def test_a_job_that_has_not_begun_is_told_to_be_cancelled(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    response = client.post(f"/jobs/{queued_job(database, settings).id}/finish")
    assert response.status_code == 409
    assert response.get_json(force=True)["detail"].endswith("it has not begun; cancel it")


@pytest.mark.parametrize("request_name", ["finish", "checkpoint"])
def test_a_job_that_has_ended_is_answered_with_409(
    client: FlaskClient, database: Database, settings: Settings, request_name: str
) -> None:
    job = ended_job(database, settings, Status.FAILED)
    response = client.post(f"/jobs/{job.id}/{request_name}")
    assert response.status_code == 409
    assert f"failed, so {request_name} is not possible" in response.get_json(force=True)["detail"]


def test_a_running_job_is_asked_for_a_checkpoint_and_goes_on(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    first, again = (client.post(f"/jobs/{job.id}/checkpoint") for _ in range(2))
    assert (first.status_code, again.status_code) == (202, 202)
    assert (first.get_json()["status"], first.get_json()["stopping"]) == ("running", None)
    assert again.get_json() == first.get_json()


@pytest.mark.parametrize("request_name", ["finish", "checkpoint"])
def test_an_unknown_job_is_answered_with_404(client: FlaskClient, request_name: str) -> None:
    assert client.post(f"/jobs/job-0/{request_name}").status_code == 404
