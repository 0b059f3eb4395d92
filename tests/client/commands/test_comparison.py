"""compare"""

import json
from typing import Any

from tests.client.conftest import Command
from tests.client.service import FakeService, job_record


def spec(**training: Any) -> dict[str, Any]:
    return {
        "name": training.pop("name", None),
        "preset": "tiny",
        "dataset": "sample",
        "training": {"num_epochs": 3, "betas": [0.9, 0.999], **training},
        "metadata": {},
    }


def respond_with_jobs(service: FakeService) -> None:
    first = spec(learning_rate=4e-4, name="slow", max_steps=None)
    second = spec(learning_rate=1e-3, name="fast", max_steps=90)
    done = {
        "status": "succeeded",
        "started_at": "2026-11-24T07:00:01Z",
        "finished_at": "2026-11-24T07:02:11Z",
    }
    service.respond("GET", "/jobs/job-1", job_record(spec=first, name="slow", **done))
    better = {"val_loss": 7.5, "val_bpb": 2.2, "step": 20}
    service.respond("GET", "/jobs/job-2", job_record(id="job-2", spec=second, name="fast", best=better))


def test_only_what_differs_of_the_specs_is_shown_above_the_results(
    service: FakeService, pretrain: Command
) -> None:
    respond_with_jobs(service)
    outcome = pretrain("compare", "job-1", "job-2", "--url", service.url)
    assert outcome.status == 0
    rows = [" ".join(line.split()) for line in outcome.out.splitlines()]
    assert rows[:3] == ["job-1 job-2", "training.learning_rate 0.0004 0.001", "training.max_steps null 90"]
    assert rows[3] == ""
    assert "name slow fast" in rows
    assert "status succeeded running" in rows
    assert "best validation 8.432 after step 11 7.500 after step 21 *" in rows
    assert "from start to end 2:10 -" in rows
    assert not any("num_epochs" in row or "preset" in row for row in rows)


def test_equal_specs_are_said_to_be_equal(service: FakeService, pretrain: Command) -> None:
    service.respond("GET", "/jobs/job-1", job_record(spec=spec(name="a")))
    service.respond("GET", "/jobs/job-2", job_record(id="job-2", spec=spec(name="b")))
    assert "(the specs are equal)" in pretrain("compare", "job-1", "job-2", "--url", service.url).out


def test_a_field_that_an_older_spec_lacks_is_a_difference(service: FakeService, pretrain: Command) -> None:
    service.respond("GET", "/jobs/job-1", job_record(spec=spec()))
    service.respond("GET", "/jobs/job-2", job_record(id="job-2", spec=spec(optimizer="muon")))
    outcome = pretrain("compare", "job-1", "job-2", "--json", "--url", service.url)
    compared = json.loads(outcome.out)
    assert compared["differences"] == {"training.optimizer": [None, "muon"]}
    assert [job["id"] for job in compared["jobs"]] == ["job-1", "job-2"]


def test_one_job_can_be_compared_with_nothing(service: FakeService, pretrain: Command) -> None:
    outcome = pretrain("compare", "job-1", "job-1", "--url", service.url)
    assert (outcome.status, service.requests) == (2, [])
    assert "give the ids of two jobs or more" in outcome.err


def test_a_job_without_evaluations_has_dashes(service: FakeService, pretrain: Command) -> None:
    service.respond("GET", "/jobs/job-1", job_record(spec=spec(), latest=None, best=None))
    service.respond("GET", "/jobs/job-2", job_record(id="job-2", spec=spec(), latest=None, best=None))
    out = pretrain("compare", "job-1", "job-2", "--url", service.url).out
    assert "best validation" not in out
    assert "step" in out
