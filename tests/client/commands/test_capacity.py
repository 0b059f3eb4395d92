"""workers, limits"""

import json

from tests.client.conftest import Command
from tests.client.service import FakeService

WORKER = {
    "id": "worker-1",
    "queue": "train",
    "status": "busy",
    "host": "box",
    "detail": None,
    "job_id": "job-1",
    "device": "cpu",
    "memory_bytes": 8_000_000_000,
    "since": "2026-11-24T07:00:00Z",
}
LIMITS = {
    "object": "limits",
    "max_dataset_bytes": 21_474_836_480,
    "max_steps": 10_000_000,
    "stall_s": 600.0,
    "requests_per_minute": None,
    "max_job_memory_bytes": None,
    "workers": [WORKER],
}


def test_workers_are_listed_with_what_ails_them(service: FakeService, pretrain: Command) -> None:
    lost = {**WORKER, "id": "worker-2", "status": "lost", "job_id": None, "detail": "silent for 40 s"}
    service.respond_with_list("/workers", [WORKER, lost])
    lines = pretrain("workers", "--url", service.url).out.splitlines()
    assert lines[0].split() == ["QUEUE", "STATUS", "JOB", "DEVICE", "MEMORY", "HOST", "SINCE", "ID"]
    assert lines[1].split()[:4] == ["train", "busy", "job-1", "cpu"]
    assert "8.0 GB" in lines[1]
    assert lines[-1] == "worker-2: silent for 40 s"


def test_without_workers_it_says_how_to_get_some(service: FakeService, pretrain: Command) -> None:
    service.respond_with_list("/workers", [])
    outcome = pretrain("workers", "--url", service.url)
    assert (outcome.status, outcome.out) == (0, "")
    assert "`pretrain up`" in outcome.err
    assert json.loads(pretrain("workers", "--json", "--url", service.url).out) == []


def test_limits_have_units(service: FakeService, pretrain: Command) -> None:
    service.respond("GET", "/limits", LIMITS)
    lines = [" ".join(line.split()) for line in pretrain("limits", "--url", service.url).out.splitlines()]
    assert lines == [
        "max dataset 21.5 GB",
        "max steps 10,000,000",
        "stall 600 s",
        "requests per minute any number",
        "max job memory -",
    ]
    assert json.loads(pretrain("limits", "--json", "--url", service.url).out) == LIMITS
