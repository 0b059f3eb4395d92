"""GET /jobs"""

from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient

from jobs.settings import Settings
from jobs.states import Status
from jobs.store.database import Database
from tests.api.seeds import ended_job
from tests.jobs.making import queued_job


def ids(client: FlaskClient, query: str = "") -> list[str]:
    return [job["id"] for job in client.get(f"/jobs{query}").get_json()["data"]]


def test_a_service_without_jobs_lists_none(client: FlaskClient) -> None:
    assert client.get("/jobs").get_json() == {"object": "list", "data": [], "has_more": False}


def test_pages_hold_every_job_once_the_newest_first(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    made = [queued_job(database, settings).id for _ in range(5)]
    first = client.get("/jobs?limit=2").get_json()
    second = client.get(f"/jobs?limit=2&after={first['data'][-1]['id']}").get_json()
    third = client.get(f"/jobs?limit=2&after={second['data'][-1]['id']}").get_json()
    listed = [job["id"] for page in (first, second, third) for job in page["data"]]
    assert listed == made[::-1]
    assert [page["has_more"] for page in (first, second, third)] == [True, True, False]


def test_jobs_are_chosen_by_status_name_and_labels(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    done = ended_job(database, settings, Status.SUCCEEDED, name="a", metadata={"team": "blue", "run": "1"}).id
    waiting = queued_job(database, settings, name="a", metadata={"team": "blue", "run": "2"}).id
    other = queued_job(database, settings, metadata={"team": "red"}).id
    assert ids(client, "?status=succeeded") == [done]
    assert ids(client, "?status=queued") == [other, waiting]
    assert ids(client, "?name=a") == [waiting, done]
    assert ids(client, "?metadata[team]=blue") == [waiting, done]
    assert ids(client, "?metadata[team]=blue&metadata[run]=1") == [done]
    assert ids(client, "?metadata[nobody]=blue") == []
    assert ids(client, "?metadata[team]=red&status=succeeded") == []


def test_jobs_are_chosen_by_tags_and_stars(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    both, one, none = (queued_job(database, settings).id for _ in range(3))
    client.patch(f"/jobs/{both}", json={"tags": ['a"b', "c"], "starred": True})
    client.patch(f"/jobs/{one}", json={"tags": ["c"]})
    assert ids(client, "?tag=c") == [one, both]
    assert ids(client, "?tag=c&tag=a%22b") == [both]
    assert ids(client, "?tag=a") == []
    assert ids(client, "?starred=true") == [both]
    assert ids(client, "?starred=false") == [none, one]
    assert client.get("/jobs?starred=1").status_code == 422


def test_archived_jobs_are_listed_only_if_asked_for(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    archived, other = (queued_job(database, settings).id for _ in range(2))
    client.patch(f"/jobs/{archived}", json={"archived": True})
    assert ids(client) == [other]
    assert ids(client, "?archived=false") == [other]
    assert ids(client, "?archived=true") == [archived]
    assert ids(client, "?archived=any") == [other, archived]
    assert client.get("/jobs?archived=yes").status_code == 422
    assert client.get(f"/jobs/{archived}").status_code == 200


def test_labels_of_any_text_are_found(client: FlaskClient, database: Database, settings: Settings) -> None:
    for name, value in {"é": "naïve", 'a"b': "c\\d", "a]b[c": "&=+%", "a b": "#?"}.items():
        made = queued_job(database, settings, metadata={name: value}).id
        assert ids(client, "?" + urlencode({f"metadata[{name}]": value})) == [made]


def test_pages_go_on_behind_a_job_that_was_deleted(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    made = [ended_job(database, settings, Status.CANCELLED).id for _ in range(3)][::-1]
    first = ids(client, "?limit=1")
    assert client.delete(f"/jobs/{first[0]}").status_code == 204
    assert ids(client, f"?after={first[0]}") == made[1:]


def test_a_cursor_that_names_no_job_is_answered_with_400(client: FlaskClient) -> None:
    response = client.get("/jobs?after=job-0")
    assert response.status_code == 400
    assert "job-0" in response.get_json(force=True)["detail"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=1000000000", "limit"),
        ("limit=ten", "limit"),
        ("limit=1.5", "limit"),
        ("limit=", "limit"),
        ("limit=1&limit=2", "limit"),
        ("limit=" + "9" * 5000, "limit"),
        ("status=done", "status"),
        ("status=queued&status=running", "status"),
        ("name=", "name"),
        ("name=%00", "name"),
        ("metadata=blue", "metadata"),
        ("metadata[]=blue", "metadata."),
        ("metadata[team]=a&metadata[team]=b", "metadata[team]"),
        ("metadata[team]=%00", "metadata.team"),
        ("page=2", "page"),
        ("max_points=5", "max_points"),
    ],
)
def test_a_wrong_parameter_is_answered_with_its_name(
    bare_client: FlaskClient, query: str, field: str
) -> None:
    response = bare_client.get(f"/jobs?{query}")
    assert response.status_code == 422
    assert [error["field"] for error in response.get_json(force=True)["errors"]] == [field]
