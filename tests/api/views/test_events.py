"""GET /jobs/<id>/events"""

import pytest
from flask.testing import FlaskClient

from jobs.settings import Settings
from jobs.states import Status
from jobs.store.database import Database
from tests.api.seeds import ended_job
from tests.jobs.making import queued_job


def test_events_tell_what_happened_the_oldest_first(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = ended_job(database, settings, Status.SUCCEEDED)
    events = client.get(f"/jobs/{job.id}/events").get_json()
    assert [event["data"]["status"] for event in events["data"]] == ["queued", "running", "succeeded"]
    assert [event["attempt"] for event in events["data"]] == [0, 1, 1]
    assert set(events["data"][0]) == {"id", "type", "attempt", "data", "created_at"}


def test_pages_hold_every_event_once(client: FlaskClient, database: Database, settings: Settings) -> None:
    job = ended_job(database, settings, Status.SUCCEEDED)
    first = client.get(f"/jobs/{job.id}/events?limit=2").get_json()
    assert first["has_more"]
    rest = client.get(f"/jobs/{job.id}/events?after={first['data'][-1]['id']}").get_json()
    statuses = [event["data"]["status"] for event in first["data"] + rest["data"]]
    assert (statuses, rest["has_more"]) == (["queued", "running", "succeeded"], False)


@pytest.mark.parametrize("cursor", ["x", "-1", "9" * 19, "١"])
def test_a_bad_cursor_is_answered_with_400(
    client: FlaskClient, database: Database, settings: Settings, cursor: str
) -> None:
    job = queued_job(database, settings)
    assert client.get(f"/jobs/{job.id}/events", query_string={"after": cursor}).status_code == 400


def test_a_stream_is_refused_as_long_as_there_is_none(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = queued_job(database, settings)
    response = client.get(f"/jobs/{job.id}/events", headers={"Accept": "text/event-stream"})
    assert response.status_code == 422
    assert response.get_json(force=True)["errors"][0]["message"] == "not supported yet"


def test_an_unknown_job_is_answered_with_404(client: FlaskClient) -> None:
    assert client.get("/jobs/job-0/events").status_code == 404
