"""GET /jobs/<id>/events and GET /events as lists; as streams they are in `tests/api/live`."""

import pytest
from flask.testing import FlaskClient

from jobs.settings import Settings
from jobs.states import Status
from jobs.store.database import Database
from tests.api.seeds import ended_job, evaluate, sample
from tests.api.views.events import parse_events
from tests.jobs.making import queued_job, running_job


def test_events_tell_what_happened_the_oldest_first(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = ended_job(database, settings, Status.SUCCEEDED)
    events = client.get(f"/jobs/{job.id}/events").get_json()
    assert [event["data"]["status"] for event in events["data"]] == ["queued", "running", "succeeded"]
    assert [event["attempt"] for event in events["data"]] == [0, 1, 1]
    assert set(events["data"][0]) == {"id", "job_id", "type", "attempt", "data", "created_at"}


def test_those_of_all_jobs_come_in_one_order(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    jobs = [queued_job(database, settings) for _ in range(3)]
    first = client.get("/events?limit=2").get_json()
    assert first["has_more"]
    rest = client.get(f"/events?after={first['data'][-1]['id']}").get_json()
    listed = first["data"] + rest["data"]
    assert [event["job_id"] for event in listed] == [job.id for job in jobs]
    assert not rest["has_more"]


def test_of_a_deleted_job_it_is_told_that_it_was_deleted(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = ended_job(database, settings, Status.SUCCEEDED)
    assert client.delete(f"/jobs/{job.id}").status_code == 204
    [event] = client.get("/events").get_json()["data"]
    assert (event["job_id"], event["type"], event["data"]) == (job.id, "deleted", {})
    assert client.get(f"/jobs/{job.id}/events").status_code == 404


def test_pages_hold_every_event_once(client: FlaskClient, database: Database, settings: Settings) -> None:
    job = ended_job(database, settings, Status.SUCCEEDED)
    first = client.get(f"/jobs/{job.id}/events?limit=2").get_json()
    assert first["has_more"]
    rest = client.get(f"/jobs/{job.id}/events?after={first['data'][-1]['id']}").get_json()
    statuses = [event["data"]["status"] for event in first["data"] + rest["data"]]
    assert (statuses, rest["has_more"]) == (["queued", "running", "succeeded"], False)


def test_types_can_be_left_out(client: FlaskClient, database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    evaluate(database, job, count=3)
    sample(database, job, step=5)
    every = client.get(f"/jobs/{job.id}/events").get_json()["data"]
    assert {event["type"] for event in every} == {"status", "evaluation", "sample"}
    page = client.get(f"/jobs/{job.id}/events?exclude=evaluation,sample&limit=2").get_json()
    assert (page["data"], page["has_more"]) == (
        [event for event in every if event["type"] == "status"],
        False,
    )


def test_the_newest_come_first_where_that_is_asked_for(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    evaluate(database, job, count=3)
    every = client.get(f"/jobs/{job.id}/events").get_json()["data"]
    path = f"/jobs/{job.id}/events?newest_first=true&limit=3"
    first = client.get(path).get_json()
    assert (first["data"], first["has_more"]) == (every[:-4:-1], True)
    rest = client.get(f"{path}&after={first['data'][-1]['id']}").get_json()
    assert (first["data"] + rest["data"], rest["has_more"]) == (every[::-1], False)
    page = client.get(f"{path}&exclude=evaluation").get_json()
    assert [event["type"] for event in page["data"]] == ["status", "status"]
    assert client.get("/events?newest_first=true&limit=1").get_json()["data"] == [every[-1]]


@pytest.mark.parametrize("cursor", ["x", "-1", "9" * 19, "١"])
def test_a_bad_cursor_is_answered_with_400(
    client: FlaskClient, database: Database, settings: Settings, cursor: str
) -> None:
    job = queued_job(database, settings)
    assert client.get(f"/jobs/{job.id}/events", query_string={"after": cursor}).status_code == 400


@pytest.mark.parametrize("path", ["/jobs/{}/events", "/events?after=0"])
def test_under_a_server_that_pushes_nothing_a_stream_ends_at_present(
    client: FlaskClient, database: Database, settings: Settings, path: str
) -> None:
    job = queued_job(database, settings)
    response = client.get(path.format(job.id), headers={"Accept": "text/event-stream"})
    assert response.mimetype == "text/event-stream"
    assert response.text.startswith("retry: ")
    [(name, data)] = parse_events(response.text)
    assert (name, data["job_id"], data["data"]) == ("status", job.id, {"status": "queued"})


def test_an_unknown_job_is_answered_with_404(client: FlaskClient) -> None:
    assert client.get("/jobs/job-0/events").status_code == 404
