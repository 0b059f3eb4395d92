"""POST /jobs/<id>/pause"""

import pytest
from flask.testing import FlaskClient

from jobs.lifecycle.requests import request_cancel
from jobs.settings import Settings
from jobs.states import TERMINAL, Status
from jobs.store.database import Database
from tests.api.seeds import ended_job
from tests.jobs.making import queued_job, running_job


def test_a_running_job_is_asked_to_pause_and_repeats_change_nothing(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    first = client.post(f"/jobs/{job.id}/pause")
    assert first.status_code == 202
    assert (first.get_json()["status"], first.get_json()["stopping"]) == ("running", "pause")
    again = client.post(f"/jobs/{job.id}/pause")
    assert (again.status_code, again.get_json()) == (202, first.get_json())


def test_a_pause_leaves_a_cancel_that_was_asked_for_before(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    with database.write() as session:
        request_cancel(session, job.id)
    response = client.post(f"/jobs/{job.id}/pause")
    assert (response.status_code, response.get_json()["stopping"]) == (202, "cancel")


def test_pausing_a_paused_job_changes_nothing(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = ended_job(database, settings, Status.PAUSED)
    before = client.get(f"/jobs/{job.id}").get_json()
    response = client.post(f"/jobs/{job.id}/pause")
    assert (response.status_code, response.get_json()) == (202, before)


def test_a_queued_job_is_answered_with_409(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    response = client.post(f"/jobs/{queued_job(database, settings).id}/pause")
    assert (response.status_code, response.content_type) == (409, "application/problem+json")
    assert "is queued" in response.get_json(force=True)["detail"]


@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_a_job_that_has_ended_is_answered_with_409(
    client: FlaskClient, database: Database, settings: Settings, status: Status
) -> None:
    response = client.post(f"/jobs/{ended_job(database, settings, status).id}/pause")
    assert response.status_code == 409
    assert f"is {status}" in response.get_json(force=True)["detail"]


def test_an_unknown_job_is_answered_with_404(client: FlaskClient) -> None:
    assert client.post("/jobs/job-0/pause").status_code == 404
