"""submit --from, estimate --from"""

import pytest

from tests.client.conftest import Command, Stdin
from tests.client.service import FakeService, job_record

SPEC = {"preset": "tiny", "dataset": "sample", "training": {"num_epochs": 3, "seed": 123}, "metadata": {}}


def test_a_job_is_submitted_again_with_what_is_set(service: FakeService, pretrain: Command) -> None:
    service.respond("GET", "/jobs/job-1", job_record(spec=SPEC))
    service.respond("POST", "/jobs", job_record(id="job-2"), 201)
    outcome = pretrain("submit", "--from", "job-1", "--set", "training.seed=7", "--url", service.url)
    assert outcome.status == 0
    assert service.sent("POST", "/jobs").body == {**SPEC, "training": {"num_epochs": 3, "seed": 7}}


def test_a_preset_is_a_beginning_that_nobody_is_asked_for(service: FakeService, pretrain: Command) -> None:
    service.respond("POST", "/jobs", job_record(), 201)
    pretrain("submit", "--from", "gpt2-small", "--set", "training.seed=7", "--url", service.url)
    [request] = service.requests
    assert request.body == {"preset": "gpt2-small", "training": {"seed": 7}}


@pytest.mark.parametrize("command", ["submit", "estimate"])
def test_a_spec_and_a_beginning_exclude_each_other(
    command: str, service: FakeService, pretrain: Command, stdin: Stdin
) -> None:
    stdin(b"{}")
    outcome = pretrain(command, "-", "--from", "tiny", "--url", service.url)
    assert (outcome.status, service.requests) == (2, [])
    assert "give a SPEC or --from, not both" in outcome.err


def test_a_beginning_that_is_not_there_is_told(service: FakeService, pretrain: Command) -> None:
    outcome = pretrain("submit", "--from", "job-9", "--url", service.url)
    assert outcome.status == 1
    assert "404" in outcome.err
