"""Workers that prepare texts: killed, short of room, or not there."""

from pathlib import Path
from typing import Any

import pytest

from jobs.files.layout import tokens_directory
from jobs.states import Status
from tests.chaos.conftest import Serve
from tests.chaos.faults import Fault
from tests.chaos.reference import small
from tests.chaos.service import Service
from tests.waiting import wait_until

STORY = "Ana counted the boats in the harbour, and counted them again. " * 5000
STEPS: dict[str, Any] = {"training": {"max_steps": 3}}
MOMENTS = [
    ("statement", 12),  # while it claims
    ("fsync", 1),  # the token file is written, and has no name yet
    ("rename", 1),
    ("fsync", 2),  # it has its name
    ("commit", 3),  # nothing is recorded yet
]


def post_story(service: Service) -> str:
    answer = service.request("POST", "/datasets", json={"name": "story", "text": STORY})
    assert answer.status_code == 201, answer.text
    assert answer.json()["status"] == "preparing"
    dataset_id: str = answer.json()["id"]
    return dataset_id


def wait_until_prepared(service: Service, dataset_id: str) -> None:
    wait_until(
        lambda: service.request("GET", f"/datasets/{dataset_id}").json()["status"] == "ready",
        "the text was prepared",
    )


def token_files(service: Service) -> dict[str, bytes]:
    folder = tokens_directory(service.settings.artifacts)
    return {file.name: file.read_bytes() for file in folder.iterdir()} if folder.exists() else {}


@pytest.mark.fault(33)
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_text_whose_worker_is_killed_is_prepared_by_the_next_to_the_same_file(
    serve: Serve, fault: Fault, database: str, tmp_path: Path
) -> None:
    service = serve(database=database, preparers=0)
    dataset_id = post_story(service)
    for number, (call, nth) in enumerate(MOMENTS):
        token = tmp_path / str(number)
        doomed = service.spawn_injected(
            "preparer", process="prepare", call=call, nth=nth, action="kill", token=token
        )
        wait_until(lambda: not doomed.alive or is_ready(service, dataset_id), "it was killed, or done")  # noqa: B023
        if token.exists():
            fault.inject()
        doomed.close()
    service.spawn("preparer")
    wait_until_prepared(service, dataset_id)
    job_id = service.post({**small(), "dataset": dataset_id, "tokenizer": "gpt2", **STEPS})
    job = service.wait_for_status(job_id, Status.SUCCEEDED)
    fault.expect(job.attempt == 1, f"it took {job.attempt} attempts")
    files = token_files(service)
    for name in files:
        fault.expect(not name.startswith("."), f"{name} is left behind")
    (name,) = [name for name in files if not name.startswith(".")]
    whole = files[name]
    (tokens_directory(service.settings.artifacts) / name).unlink()
    again = service.post({**small(), "dataset": dataset_id, "tokenizer": "gpt2", **STEPS})
    service.wait_for_status(again, Status.SUCCEEDED)
    fault.expect(token_files(service)[name] == whole, "an undisturbed preparation writes another file")


def is_ready(service: Service, dataset_id: str) -> bool:
    return bool(service.request("GET", f"/datasets/{dataset_id}").json()["status"] == "ready")


@pytest.mark.fault(33)
def test_a_job_waits_for_its_text_while_others_train_and_says_why(serve: Serve, fault: Fault) -> None:
    service = serve(preparers=0)
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
