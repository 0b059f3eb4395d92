"""PATCH /jobs/<id>"""

from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from jobs.lifecycle.requests import request_pause
from jobs.settings import Settings
from jobs.spec.changes import DEFAULTS
from jobs.states import Status
from jobs.store.database import Database
from jobs.store.events import list_events
from tests.api.seeds import ended_job
from tests.jobs.making import full_disk_job, queued_job, running_job

CHANGES: dict[str, Any] = {
    "name": "the good one",
    "notes": "# Why\n\nA *lower* rate.",
    "tags": ["rate", "größer"],
    "starred": True,
    "archived": True,
    "priority": 7,
}


def shown(record: Any) -> dict[str, Any]:
    """The fields that can be changed, as a job's record has them."""
    return {name: record[name] for name in CHANGES if name != "priority"} | {
        "priority": record["spec"]["priority"]
    }


def test_everything_that_can_be_changed_is_and_null_puts_it_back(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = queued_job(database, settings)
    path = f"/jobs/{job.id}"
    assert shown(client.get(path).get_json()) == DEFAULTS
    response = client.patch(path, json=CHANGES)
    assert (response.status_code, shown(response.get_json())) == (200, CHANGES)
    assert response.get_json() == client.get(path).get_json()
    assert response.get_json()["spec"]["name"] == "the good one"
    cleared = client.patch(path, json=dict.fromkeys(CHANGES)).get_json()
    assert shown(cleared) == DEFAULTS
    assert cleared["spec"]["name"] is None


def test_with_if_match_only_what_has_been_seen_is_changed(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    for job in (queued_job(database, settings), running_job(database, settings)):
        path = f"/jobs/{job.id}"
        seen = client.get(path).headers["ETag"]
        mine = client.patch(path, json={"notes": "mine"}, headers={"If-Match": f'"other", {seen}'})
        assert (mine.status_code, mine.headers["ETag"]) == (200, client.get(path).headers["ETag"])
        late = client.patch(path, json={"notes": "late"}, headers={"If-Match": seen})
        assert (late.status_code, late.content_type) == (412, "application/problem+json")
        assert mine.headers["ETag"] in late.get_json()["detail"]
        assert client.delete(path, headers={"If-Match": seen}).status_code == 412
        assert client.get(path).get_json()["notes"] == "mine"
        for any_tag in ("*", mine.headers["ETag"], mine.headers["ETag"].removeprefix("W/")):
            assert (
                client.patch(path, json={"notes": "mine"}, headers={"If-Match": any_tag}).status_code == 200
            )
    assert client.patch("/jobs/job-0", json={}, headers={"If-Match": "*"}).status_code == 404


def test_what_is_not_given_stays(client: FlaskClient, database: Database, settings: Settings) -> None:
    path = f"/jobs/{queued_job(database, settings).id}"
    client.patch(path, json=CHANGES)
    assert shown(client.patch(path, json={}).get_json()) == CHANGES
    assert shown(client.patch(path, json={"starred": False}).get_json()) == {**CHANGES, "starred": False}


def test_what_changed_is_on_record_once(client: FlaskClient, database: Database, settings: Settings) -> None:
    job = queued_job(database, settings)
    for _ in range(2):
        client.patch(f"/jobs/{job.id}", json={"tags": ["a"], "notes": "b", "starred": False})
    with database.read() as session:
        changed = [event.data for event in list_events(session, job.id) if event.type == "changed"]
    assert changed == [{"notes": "b", "tags": ["a"]}]


def test_a_tag_counts_once_and_tags_keep_their_order(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = queued_job(database, settings)
    response = client.patch(f"/jobs/{job.id}", json={"tags": ["b", "a", "b"]})
    assert response.get_json()["tags"] == ["b", "a"]


def test_every_wrong_field_is_named_and_nothing_is_changed(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = queued_job(database, settings)
    wrong = {
        "name": "",
        "notes": "a" * 65_537,
        "tags": ["good", "", "b" * 65],
        "starred": 1,
        "archived": "true",
        "priority": 10,
        "status": "succeeded",
    }
    response = client.patch(f"/jobs/{job.id}", json=wrong)
    fields = [error["field"] for error in response.get_json(force=True)["errors"]]
    assert response.status_code == 422
    assert sorted(fields) == [
        "archived",
        "name",
        "notes",
        "priority",
        "starred",
        "status",
        "tags.1",
        "tags.2",
    ]
    assert shown(client.get(f"/jobs/{job.id}").get_json()) == DEFAULTS


def test_a_new_priority_moves_a_job_in_the_queue(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    first, second = (queued_job(database, settings).id for _ in range(2))
    response = client.patch(f"/jobs/{second}", json={"priority": 1})
    assert response.get_json()["queue_position"] == 1
    assert client.get(f"/jobs/{first}").get_json()["queue_position"] == 2


def test_a_paused_job_may_get_another_priority(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = full_disk_job(database, settings)
    response = client.patch(f"/jobs/{job.id}", json={"priority": 3})
    assert (response.status_code, response.get_json()["spec"]["priority"]) == (200, 3)


@pytest.mark.parametrize("status", [Status.RUNNING, Status.SUCCEEDED])
def test_a_job_that_does_not_wait_keeps_its_priority_and_everything_else(
    client: FlaskClient, database: Database, settings: Settings, status: Status
) -> None:
    if status == Status.RUNNING:
        job = running_job(database, settings)
    else:
        job = ended_job(database, settings, status)
    response = client.patch(f"/jobs/{job.id}", json={"priority": 1, "starred": True})
    assert response.status_code == 409
    assert (
        f"is {status}, so a change of its priority is not possible" in response.get_json(force=True)["detail"]
    )
    assert client.get(f"/jobs/{job.id}").get_json()["starred"] is False
    assert client.patch(f"/jobs/{job.id}", json={"priority": 0, "starred": True}).status_code == 200


def test_a_change_disturbs_no_request_to_stop(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    with database.write() as session:
        request_pause(session, job.id)
    record = client.patch(f"/jobs/{job.id}", json={"name": "a"}).get_json()
    assert (record["status"], record["stopping"], record["name"]) == ("running", "pause", "a")


def test_an_unknown_job_is_answered_with_404(client: FlaskClient) -> None:
    assert client.patch("/jobs/job-0", json={}).status_code == 404


def test_what_is_no_object_is_refused(client: FlaskClient) -> None:
    assert client.patch("/jobs/job-0", data="[", content_type="application/json").status_code == 400
    assert client.patch("/jobs/job-0", json=[]).status_code == 422


texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=64)


@hypothesis_settings(
    max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True
)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "name": st.none() | texts,
            "notes": st.none() | texts,
            "tags": st.none() | st.lists(texts, max_size=32, unique=True),
            "starred": st.none() | st.booleans(),
            "archived": st.none() | st.booleans(),
            "priority": st.none() | st.integers(0, 9),
        },
    )
)
@pytest.mark.hypothesis
def test_whatever_is_written_on_a_job_is_read_from_it_and_found_by_it(
    client: FlaskClient, database: Database, settings: Settings, changes: dict[str, Any]
) -> None:
    job = queued_job(database, settings)
    record = client.patch(f"/jobs/{job.id}", json=changes).get_json()
    expected = {name: DEFAULTS[name] if value is None else value for name, value in changes.items()}
    assert shown(record) == {**DEFAULTS, **expected}
    query = {"tag": record["tags"], "starred": str(record["starred"]).lower(), "archived": "any", "limit": 1}
    assert [job["id"] for job in client.get("/jobs", query_string=query).get_json()["data"]] == [job.id]
