"""A job's status in words."""

import pytest

from tests.client.conftest import Command
from tests.client.service import FakeService, job_record


@pytest.fixture(autouse=True)
def _poll_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("client.display.updates.RECONNECT_S", 0)


@pytest.mark.parametrize(
    ("changes", "shown", "listed"),
    [
        (
            {"status": "queued", "waiting_for": "2 jobs before it", "queue_position": 3},
            "queued (2 jobs before it)",
            "queued (place 3)",
        ),
        ({"status": "queued", "waiting_for": None}, "queued", "queued"),
        (
            {"status": "queued", "waiting_for": "no live worker\x1b[2J", "queue_position": 1},
            "queued (no live worker)",
            "queued (place 1)",
        ),
        (
            {"status": "queued", "waiting_for": "2 jobs before it", "stopping": "cancel"},
            "queued (cancel requested)",
            "queued (cancel requested)",
        ),
        ({"status": "succeeded", "ended_by": "epochs"}, "succeeded", "succeeded"),
        (
            {"status": "succeeded", "ended_by": "early_stopping"},
            "succeeded (early stopping at step 12)",
            "succeeded (early stopping)",
        ),
        (
            {"status": "succeeded", "ended_by": "max_steps"},
            "succeeded (max_steps at step 12)",
            "succeeded (max_steps)",
        ),
        (
            {"status": "succeeded", "ended_by": "finish"},
            "succeeded (finished on request at step 12)",
            "succeeded (finished on request)",
        ),
        (
            {"status": "succeeded", "ended_by": "something newer"},
            "succeeded (something newer at step 12)",
            "succeeded (something newer)",
        ),
        ({"status": "failed", "ended_by": None}, "failed", "failed"),
    ],
)
def test_why_a_job_waits_and_what_ended_it_is_shown_everywhere(
    changes: dict[str, str], shown: str, listed: str, service: FakeService, pretrain: Command
) -> None:
    job = job_record(**changes)
    service.respond("POST", "/jobs", job, 201)
    service.respond("GET", "/jobs/job-1", job)
    service.respond("GET", "/jobs/job-1", job)
    service.respond("GET", "/jobs/job-1", job_record(status="succeeded"))
    service.respond_with_list("/jobs", [job])
    service.respond_with_events("/jobs/job-1/events", (9, "status", {"status": "succeeded"}))
    lines = pretrain("show", "job-1", "--url", service.url).out.splitlines()
    assert f"status           {shown}" in lines
    assert ("place in queue   3" in lines) == (changes.get("queue_position") == 3)
    assert pretrain("submit", "--watch", "--url", service.url).out.splitlines()[0] == f"job job-1: {shown}"
    assert f"  {listed}  " in pretrain("jobs", "--url", service.url).out


def test_each_reason_to_wait_is_told_once(service: FakeService, pretrain: Command) -> None:
    for reason in ("2 jobs before it", "2 jobs before it", "1 job before it"):
        service.respond("GET", "/jobs/job-1", job_record(status="queued", waiting_for=reason))
    service.respond("GET", "/jobs/job-1", job_record(status="succeeded"))
    for _ in range(2):
        service.respond_with_events("/jobs/job-1/events")
    service.respond_with_events("/jobs/job-1/events", (9, "status", {"status": "succeeded"}))
    assert pretrain("watch", "job-1", "--url", service.url).out.splitlines() == [
        "job job-1: queued (2 jobs before it)",
        "job job-1: queued (1 job before it)",
        "job job-1: succeeded",
    ]
