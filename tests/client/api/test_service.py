"""What is asked of the service as a whole."""

from collections.abc import Iterator
from itertools import islice

import pytest

from client import Pretrain
from client.errors import ApiError
from tests.client.service import FakeService, encoded


@pytest.fixture
def connected(service: FakeService) -> Iterator[Pretrain]:
    with Pretrain(service.url) as client:
        yield client


def test_events_of_all_jobs_go_on_where_the_stream_had_come_to(
    service: FakeService, connected: Pretrain
) -> None:
    """The position comes before the first event: nothing is missed by a client that has heard none yet."""
    started, ended = (1, "status", {"status": "running"}), (2, "status", {"status": "succeeded"})
    service.respond_with_bytes("GET", "/events", b"retry: 500\nid: 7\n\n", "text/event-stream")
    service.respond_with_bytes("GET", "/events", encoded(started), "text/event-stream")
    service.respond_with_bytes("GET", "/events", encoded(ended), "text/event-stream")
    events = list(islice(connected.events(), 2))
    assert [event["data"]["status"] for event in events] == ["running", "succeeded"]
    assert [request.headers["Last-Event-ID"] for request in service.requests] == ["9" * 18, "7", "1"]


def test_the_audit_is_asked_for_as_far_as_it_is_wanted(service: FakeService, connected: Pretrain) -> None:
    entries = [{"id": str(number), "action": "POST /jobs"} for number in (9, 8)]
    service.respond_with_list("/audit", entries, has_more=True)
    assert [entry["id"] for entry in connected.audit(since="2026-11-24T07:00:00Z", limit=2)] == ["9", "8"]
    assert service.sent("GET", "/audit").query == {"limit": "2", "since": "2026-11-24T07:00:00Z"}


def test_pruning_says_what_is_kept(service: FakeService, connected: Pretrain) -> None:
    service.respond("POST", "/disk/prune", {"dry_run": True, "bytes": 0, "data": []})
    assert connected.prune(keep=["best"], older_s=60, dry_run=True)["dry_run"]
    sent = service.sent("POST", "/disk/prune").body
    assert sent == {"keep": ["best"], "older_s": 60, "dry_run": True}


def test_a_service_that_is_not_ready_says_what_each_check_found(
    service: FakeService, connected: Pretrain
) -> None:
    checks = {"database": "ok", "workers": "no training worker works"}
    service.respond("GET", "/readyz", {"title": "Service Unavailable", "checks": checks}, 503)
    with pytest.raises(ApiError) as refused:
        connected.check_ready()
    assert refused.value.checks == checks


def test_workers_limits_and_the_version_are_told(service: FakeService, connected: Pretrain) -> None:
    service.respond_with_list("/workers", [{"id": "worker-1", "queue": "train", "status": "idle"}])
    service.respond("GET", "/limits", {"object": "limits", "max_steps": 10})
    service.respond("GET", "/version", {"version": "0.1.0"})
    assert connected.workers()[0]["status"] == "idle"
    assert connected.limits()["max_steps"] == 10
    assert connected.version() == "0.1.0"
