"""disk, prune"""

import json
from typing import Any

import pytest

from tests.client.conftest import Command
from tests.client.service import FakeService

JOB = {"id": "job-1", "name": "mine", "status": "succeeded", "checkpoints": 3, "bytes": 2_000_000}
DISK = {"total_bytes": 10**12, "free_bytes": 10**11, "jobs_bytes": 2_000_000, "freeable_bytes": 1_500_000}
ENTRIES = [
    {"job_id": "job-1", "step": 1200, "what": "checkpoint", "bytes": 1_000_000},
    {"job_id": "job-1", "step": 2400, "what": "optimizer", "bytes": 500_000},
]


def pruned(*, dry_run: bool, data: list[Any] = ENTRIES) -> dict[str, Any]:
    return {"dry_run": dry_run, "bytes": sum(entry["bytes"] for entry in data), "data": data}


def test_disk_shows_the_sums_and_the_jobs(service: FakeService, pretrain: Command) -> None:
    service.respond("GET", "/disk", {**DISK, "data": [{**JOB, "freeable_bytes": 1_500_000}]})
    outcome = pretrain("disk", "--limit", 5, "--url", service.url)
    assert service.sent("GET", "/disk").query == {"limit": "5"}
    assert outcome.out.splitlines()[1].split() == ["free", "100.0", "GB"]
    assert outcome.out.splitlines()[-1].split() == [
        "job-1",
        "mine",
        "succeeded",
        "3",
        "2.0",
        "MB",
        "1.5",
        "MB",
    ]


def test_a_dry_run_only_shows_what_would_go(service: FakeService, pretrain: Command) -> None:
    service.respond("POST", "/disk/prune", pruned(dry_run=True))
    filters = ("--keep", "best", "--older", "30d", "--status", "failed, cancelled", "--archived")
    outcome = pretrain("prune", *filters, "--dry-run", "--url", service.url)
    assert service.sent("POST", "/disk/prune").body == {
        "keep": ["best"],
        "status": ["failed", "cancelled"],
        "older_s": 30 * 86_400,
        "archived": True,
        "dry_run": True,
    }
    assert outcome.out.splitlines() == [
        "job-1: checkpoint of step 1,200, 1.0 MB",
        "job-1: optimizer's state of the checkpoint of step 2,400, 500.0 kB",
        "1.5 MB would be freed",
    ]


def test_with_yes_it_deletes_without_a_question(service: FakeService, pretrain: Command) -> None:
    service.respond("POST", "/disk/prune", pruned(dry_run=False))
    outcome = pretrain("prune", "--keep", "none", "--yes", "--json", "--url", service.url)
    assert service.sent("POST", "/disk/prune").body == {"keep": []}
    assert json.loads(outcome.out)["bytes"] == 1_500_000


def test_where_nobody_can_answer_nothing_is_deleted(service: FakeService, pretrain: Command) -> None:
    service.respond("POST", "/disk/prune", pruned(dry_run=True))
    outcome = pretrain("prune", "--url", service.url)
    assert outcome.status == 2
    assert "give --yes" in outcome.err
    assert service.sent("POST", "/disk/prune").body["dry_run"] is True


@pytest.mark.parametrize(("answer", "is_pruned"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_on_a_terminal_it_asks_first(
    service: FakeService,
    pretrain: Command,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    is_pruned: bool,
) -> None:
    service.respond("POST", "/disk/prune", pruned(dry_run=True))
    service.respond("POST", "/disk/prune", pruned(dry_run=False))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("typer.confirm", lambda *_, **__: answer.startswith("y"))
    outcome = pretrain("prune", "--url", service.url)
    assert outcome.status == (0 if is_pruned else 1)
    assert "1.5 MB would be freed" in outcome.err
    assert len(service.requests) == 1 + is_pruned
    assert ("Nothing was deleted." in outcome.err) != is_pruned


def test_where_there_is_nothing_to_delete_it_says_so_without_a_question(
    service: FakeService, pretrain: Command
) -> None:
    service.respond("POST", "/disk/prune", pruned(dry_run=True, data=[]))
    outcome = pretrain("prune", "--url", service.url)
    assert (outcome.status, outcome.out) == (0, "0 B would be freed\n")


@pytest.mark.parametrize(
    "wrong", [("--older", "30"), ("--older", "-1d"), ("--keep", "last,,best"), ("--status", "")]
)
def test_what_is_no_filter_is_wrong_usage(
    service: FakeService, pretrain: Command, wrong: tuple[str, str]
) -> None:
    outcome = pretrain("prune", *wrong, "--dry-run", "--url", service.url)
    assert (outcome.status, service.requests) == (2, [])
