"""POST /jobs/<id>/cancel"""

import pytest
from flask.testing import FlaskClient

from jobs.settings import Settings
from jobs.states import Status
from jobs.store.database import Database
from tests.api.seeds import ended_job
from tests.jobs.making import queued_job, running_job


def test_a_queued_job_is_cancelled_at_once_and_repeats_change_nothing(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = queued_job(database, settings)
    first = client.post(f"/jobs/{job.id}/cancel")
    assert first.status_code == 202
    assert first.get_json()["status"] == "cancelled"
    assert first.get_json()["finished_at"] is not None
    again = client.post(f"/jobs/{job.id}/cancel")
    assert (again.status_code, again.get_json()) == (202, first.get_json())


def test_a_running_job_is_asked_to_stop_and_repeats_change_nothing(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    first = client.post(f"/jobs/{job.id}/cancel")
    assert first.status_code == 202
    assert (first.get_json()["status"], first.get_json()["stopping"]) == ("running", "cancel")
    again = client.post(f"/jobs/{job.id}/cancel")
    assert (again.status_code, again.get_json()) == (202, first.get_json())


@pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED])
def test_a_job_that_has_ended_is_answered_with_409(
    client: FlaskClient, database: Database, settings: Settings, status: Status
) -> None:
    job = ended_job(database, settings, status)
    response = client.post(f"/jobs/{job.id}/cancel")
    assert response.status_code == 409
    assert response.content_type == "application/problem+json"
    assert status in response.get_json(force=True)["detail"]


def test_an_unknown_job_is_answered_with_404(client: FlaskClient) -> None:
    assert client.post("/jobs/job-0/cancel").status_code == 404
