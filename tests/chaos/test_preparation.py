"""Workers that prepare texts: killed, short of room, or not there."""

from pathlib import Path
from typing import Any

import pytest

from jobs.files.datasets import get_dataset
from jobs.files.layout import tokens_path
from jobs.states import Status
from jobs.store.ids import new_id
from tests.chaos.conftest import Serve
from tests.chaos.faults import Fault
from tests.chaos.preparers import MOMENTS, PATIENT, kill_preparer
from tests.chaos.reference import small
from tests.chaos.service import Service
from tests.waiting import wait_until

STORY = "Ana counted the boats in the harbour, and counted them again. " * 5000
STEPS: dict[str, Any] = {"training": {"max_steps": 3}}


def post_story(service: Service) -> str:
    """A text that no test before has posted."""
    answer = service.request("POST", "/datasets", json={"name": "story", "text": new_id("story") + STORY})
    assert answer.status_code == 201, answer.text
    assert answer.json()["status"] == "preparing"
    dataset_id: str = answer.json()["id"]
    return dataset_id


def wait_until_prepared(service: Service, dataset_id: str) -> None:
    wait_until(
        lambda: service.request("GET", f"/datasets/{dataset_id}").json()["status"] == "ready",
        "the text was prepared",
    )


def token_path(service: Service, dataset_id: str) -> Path:
    """Of the tokens of GPT-2's tokenizer at the default `train_ratio`."""
    with service.database.read() as session:
        dataset = get_dataset(session, dataset_id)
    return tokens_path(service.settings.artifacts, dataset.sha256, "gpt2", 0.9)


def token_file(service: Service, dataset_id: str) -> bytes:
    return token_path(service, dataset_id).read_bytes()


@pytest.mark.fault(33)
@pytest.mark.parametrize("database", ["postgresql", pytest.param("sqlite", marks=pytest.mark.thorough)])
def test_a_text_whose_worker_is_killed_is_prepared_by_the_next_to_the_same_file(
    serve: Serve, fault: Fault, database: str, tmp_path: Path
) -> None:
    service = serve(database=database, **PATIENT)
    for number, (call, nth) in enumerate(MOMENTS):
        dataset_id = post_story(service)
        kill_preparer(service, fault, call, nth, tmp_path / str(number))
        following = service.spawn("preparer")
        wait_until_prepared(service, dataset_id)
        whole = token_file(service, dataset_id)
        token_path(service, dataset_id).unlink()
        job_id = service.post({**small(), "dataset": dataset_id, "tokenizer": "gpt2", **STEPS})
        job = service.wait_for_status(job_id, Status.SUCCEEDED)
        fault.expect(job.attempt == 1, f"it took {job.attempt} attempts")
        fault.expect(token_file(service, dataset_id) == whole, "undisturbed it writes another file")
        following.close()


@pytest.mark.fault(33)
def test_a_job_waits_for_its_text_while_others_train_and_says_why(serve: Serve, fault: Fault) -> None:
    service = serve(**PATIENT)
    job_id = service.post({**small(), "dataset": post_story(service), "tokenizer": "gpt2", **STEPS})
    other = service.post(small())
    service.wait_for_status(other, Status.SUCCEEDED)
    waiting = service.request("GET", f"/jobs/{job_id}").json()
    fault.expect(waiting["status"] == "queued", f"it is {waiting['status']} without its text")
    fault.expect("no live worker of the queue prepare" in str(waiting["waiting_for"]), str(waiting))
    assert waiting["progress"]["total_steps"] is None
    service.spawn("preparer")
    fault.inject()
    job = service.wait_for_status(job_id, Status.SUCCEEDED)
    assert job.total_steps == 3
