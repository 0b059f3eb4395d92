"""/webhooks and what was sent to them"""

from ipaddress import ip_network
from typing import Any

import pytest
from flask.testing import FlaskClient

from jobs.settings import Settings
from jobs.store.database import Database
from tests.api.conftest import Serve
from tests.jobs.making import queued_job

URL = "http://127.0.0.1:9/hook"


@pytest.fixture
def client(serve: Serve, settings: Settings, database: Database) -> FlaskClient:
    """Of an API whose webhooks may reach this machine: names of others are not resolved here."""
    return serve(settings.model_copy(update={"webhook_allow_private": (ip_network("127.0.0.0/8"),)}))


def post(client: FlaskClient, **body: Any) -> dict[str, Any]:
    response = client.post("/webhooks", json={"url": URL, **body})
    assert response.status_code == 201
    webhook: dict[str, Any] = response.get_json()
    assert response.location == f"/webhooks/{webhook['id']}"
    return webhook


def test_a_webhook_has_defaults_and_its_secret_is_shown_once(client: FlaskClient) -> None:
    webhook = post(client)
    assert webhook["secret"].startswith("whsec_")
    assert webhook == {
        "id": webhook["id"],
        "object": "webhook",
        "url": URL,
        "events": ["job.paused", "job.succeeded", "job.failed", "job.cancelled", "alert"],
        "secret": webhook["secret"],
        "status": "enabled",
        "detail": None,
        "failures": 0,
        "created_at": webhook["created_at"],
    }
    later = {**webhook, "secret": None}
    assert client.get(f"/webhooks/{webhook['id']}").get_json() == later
    assert client.get("/webhooks").get_json()["data"] == [later]


def test_a_secret_of_ones_own_and_the_events_are_kept(client: FlaskClient) -> None:
    webhook = post(client, secret="a secret of my own", events=["alert", "job.running"])
    assert (webhook["secret"], webhook["events"]) == ("a secret of my own", ["alert", "job.running"])


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({}, "url", "must be given"),
        ({"url": "ftp://127.0.0.1/"}, "url", "must begin with https:// or http://"),
        ({"url": "http://10.0.0.1/"}, "url", "10.0.0.1 is 10.0.0.1, which is no public address"),
        ({"url": "http://169.254.169.254/latest"}, "url", "no public address"),
        ({"url": "http://[::1]/"}, "url", "no public address"),
        ({"url": "http://[::ffff:10.0.0.1]/"}, "url", "no public address"),
        ({"url": "http://0/"}, "url", "no public address"),
        ({"url": "http://a..b/"}, "url", "can't be resolved"),
        ({"url": URL, "events": []}, "events", "must not be empty"),
        ({"url": URL, "events": ["job.exploded"]}, "events.0", "must be 'job.queued', "),
        ({"url": URL, "secret": "short"}, "secret", "must have at least 16 characters"),
        ({"url": URL, "status": "enabled"}, "status", "unknown field"),
    ],
)
def test_what_is_wrong_is_named(client: FlaskClient, body: dict[str, Any], field: str, message: str) -> None:
    response = client.post("/webhooks", json=body)
    assert response.status_code == 422
    (error,) = response.get_json(force=True)["errors"]
    assert error["field"] == field
    assert message in error["message"] or error["message"].startswith(message)


def test_without_the_setting_this_machine_may_not_be_reached(
    serve: Serve, settings: Settings, database: Database
) -> None:
    response = serve(settings).post("/webhooks", json={"url": URL})
    assert response.status_code == 422
    assert "PRETRAIN_WEBHOOK_ALLOW_PRIVATE" in response.get_json(force=True)["errors"][0]["message"]


def test_deliveries_are_listed_the_newest_first(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    webhook = post(client, events=["job.queued"])
    jobs = [queued_job(database, settings) for _ in range(3)]
    path = f"/webhooks/{webhook['id']}/deliveries"
    page = client.get(f"{path}?limit=2").get_json()
    assert ([each["data"]["job_id"] for each in page["data"]], page["has_more"]) == (
        [jobs[2].id, jobs[1].id],
        True,
    )
    (last,) = client.get(f"{path}?after={page['data'][-1]['id']}").get_json()["data"]
    assert last.pop("data")["job_id"] == jobs[0].id
    assert last["next_attempt_at"] >= last["created_at"]  # PostgreSQL looks at its clock for each
    assert last == {
        "id": last["id"],
        "object": "delivery",
        "type": "job.queued",
        "status": "pending",
        "attempts": 0,
        "response_code": None,
        "error": None,
        "created_at": last["created_at"],
        "next_attempt_at": last["next_attempt_at"],
        "delivered_at": None,
    }
    assert client.get(f"{path}?after=delivery-0").status_code == 400


def test_a_webhook_that_is_deleted_is_gone_with_its_deliveries(client: FlaskClient) -> None:
    path = f"/webhooks/{post(client)['id']}"
    assert client.delete(path).status_code == 204
    for gone in (client.get(path), client.delete(path), client.get(f"{path}/deliveries")):
        assert gone.status_code == 404
    assert client.get("/webhooks").get_json()["data"] == []
