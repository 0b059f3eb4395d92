"""POST /jobs/<id>/resume"""

import pytest
from flask.testing import FlaskClient

from jobs.settings import Settings
from jobs.states import TERMINAL, Status
from jobs.store.database import Database
from jobs.store.lookup import get_job
from tests.api.conftest import NOWHERE, Serve
from tests.api.seeds import ended_job
from tests.jobs.making import queued_job, running_job
from tests.jobs.messages import messages


def test_a_paused_job_is_queued_again_and_its_workers_are_told(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = ended_job(database, settings, Status.PAUSED)
    response = client.post(f"/jobs/{job.id}/resume")
    assert (response.status_code, response.get_json()["status"]) == (202, "queued")
    assert messages(settings) == 1


def test_a_repeat_changes_nothing(client: FlaskClient, database: Database, settings: Settings) -> None:
    job = ended_job(database, settings, Status.PAUSED)
    first = client.post(f"/jobs/{job.id}/resume")
    again = client.post(f"/jobs/{job.id}/resume")
    assert (again.status_code, again.get_json()) == (202, first.get_json())


def test_a_broker_that_is_away_does_not_keep_a_job_from_being_resumed(
    serve: Serve, database: Database, settings: Settings
) -> None:
    job = ended_job(database, settings, Status.PAUSED)
    client = serve(settings.model_copy(update={"redis_url": NOWHERE}))
    assert client.post(f"/jobs/{job.id}/resume").status_code == 202
    with database.read() as session:
        assert get_job(session, job.id).status == Status.QUEUED


def test_a_job_that_was_never_paused_is_answered_with_409(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    for job in (queued_job(database, settings), running_job(database, settings)):
        response = client.post(f"/jobs/{job.id}/resume")
        assert (response.status_code, response.content_type) == (409, "application/problem+json")


@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_a_job_that_has_ended_is_answered_with_409(
    client: FlaskClient, database: Database, settings: Settings, status: Status
) -> None:
    response = client.post(f"/jobs/{ended_job(database, settings, status).id}/resume")
    assert response.status_code == 409
    assert f"is {status}" in response.get_json(force=True)["detail"]


def test_an_unknown_job_is_answered_with_404(client: FlaskClient) -> None:
    assert client.post("/jobs/job-0/resume").status_code == 404
