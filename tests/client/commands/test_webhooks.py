"""webhooks add, list, rm, deliveries"""

import json
from typing import Any

from tests.client.conftest import Command
from tests.client.service import FakeService

WEBHOOK: dict[str, Any] = {
    "id": "webhook-1",
    "object": "webhook",
    "url": "https://example.org/hook",
    "events": ["job.failed", "alert"],
    "secret": None,
    "status": "enabled",
    "failures": 3,
    "created_at": "2026-11-28T07:00:00Z",
}
DELIVERY: dict[str, Any] = {
    "id": "delivery-1",
    "object": "delivery",
    "type": "job.failed",
    "status": "pending",
    "attempts": 2,
    "response_code": 500,
    "error": "the answer was 500\x1b[2J",
    "created_at": "2026-11-28T07:00:00Z",
}


def test_add_sends_what_was_given_and_shows_the_secret_once(service: FakeService, pretrain: Command) -> None:
    service.respond("POST", "/webhooks", {**WEBHOOK, "secret": "whsec_abc"}, 201)
    add = ("webhooks", "add", "https://example.org/hook", "--event", "job.failed", "--event", "alert")
    outcome = pretrain(*add, "--url", service.url)
    assert outcome.status == 0
    assert [line.split() for line in outcome.out.splitlines()] == [
        ["id", "webhook-1"],
        ["secret", "whsec_abc"],
    ]
    assert service.sent("POST", "/webhooks").body == {
        "url": "https://example.org/hook",
        "events": ["job.failed", "alert"],
    }


def test_add_leaves_to_the_service_what_was_not_given(service: FakeService, pretrain: Command) -> None:
    service.respond("POST", "/webhooks", {**WEBHOOK, "secret": "a secret of my own"}, 201)
    add = ("webhooks", "add", "https://example.org/hook", "--secret", "a secret of my own")
    assert pretrain(*add, "--url", service.url).status == 0
    assert service.sent("POST", "/webhooks").body == {
        "url": "https://example.org/hook",
        "secret": "a secret of my own",
    }


def test_list_shows_which_fail(service: FakeService, pretrain: Command) -> None:
    service.respond_with_list("/webhooks", [WEBHOOK])
    heading, row = pretrain("webhooks", "list", "--url", service.url).out.splitlines()
    assert heading.split() == ["ID", "STATUS", "FAILURES", "URL", "EVENTS"]
    assert row.split() == ["webhook-1", "enabled", "3", "https://example.org/hook", "job.failed,", "alert"]


def test_rm_deletes_it(service: FakeService, pretrain: Command) -> None:
    service.respond("DELETE", "/webhooks/webhook-1", None, 204)
    outcome = pretrain("webhooks", "rm", "webhook-1", "--url", service.url)
    assert (outcome.status, outcome.out) == (0, "")
    assert "Deleted webhook-1." in outcome.err


def test_deliveries_say_how_they_went_without_escapes(service: FakeService, pretrain: Command) -> None:
    service.respond_with_list("/webhooks/webhook-1/deliveries", [DELIVERY])
    outcome = pretrain("webhooks", "deliveries", "webhook-1", "--url", service.url)
    assert outcome.status == 0
    assert "delivery-1" in outcome.out
    assert "500" in outcome.out
    assert "\x1b" not in outcome.out


def test_json_is_the_services_own(service: FakeService, pretrain: Command) -> None:
    service.respond_with_list("/webhooks", [WEBHOOK])
    outcome = pretrain("webhooks", "list", "--json", "--url", service.url)
    assert json.loads(outcome.out) == [WEBHOOK]
