"""Workers that train tokenizers: killed at any moment."""

from pathlib import Path
from typing import Any

import pytest

from jobs.files.layout import dataset_path, tokenizer_path
from jobs.states import Status
from jobs.store.ids import new_id
from tests.chaos.conftest import Serve
from tests.chaos.faults import Fault
from tests.chaos.preparers import MOMENTS, PATIENT, kill_preparer
from tests.chaos.reference import small
from tests.chaos.service import Service
from tests.chaos.test_preparation import STORY
from tests.waiting import wait_until
from tests.worker.processes import pids_of

LARGE_TEXT = 40
"""Times STORY: its tokenizer takes long enough to be killed in the middle."""


def train(service: Service, dataset: str = "sample", vocab_size: int = 400) -> str:
    body = {"name": "mine", "dataset": dataset, "vocab_size": vocab_size}
    answer = service.request("POST", "/tokenizers", json=body)
    assert answer.status_code == 202, answer.text
    tokenizer_id: str = answer.json()["id"]
    return tokenizer_id


def ready(service: Service, tokenizer_id: str) -> dict[str, Any]:
    """Its record, once it is ready."""

    def record() -> dict[str, Any]:
        found: dict[str, Any] = service.request("GET", f"/tokenizers/{tokenizer_id}").json()
        assert found["status"] != "failed", found["error"]
        return found

    wait_until(lambda: record()["status"] == "ready", "the tokenizer was trained")
    return record()


def file_of(service: Service, record: dict[str, Any]) -> Path:
    return tokenizer_path(service.settings.artifacts, record["sha256"])


@pytest.mark.fault(34)
@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.thorough)])
def test_a_tokenizer_whose_worker_is_killed_is_trained_by_the_next_to_the_same_file(
    serve: Serve, fault: Fault, database: str, tmp_path: Path
) -> None:
    service = serve(database=database, **PATIENT)
    for number, (call, nth) in enumerate(MOMENTS):
        vocab_size = 400 + number  # a file that is not there yet
        tokenizer_id = train(service, vocab_size=vocab_size)
        job_id = service.post({**small(), "tokenizer": tokenizer_id, "training": {"max_steps": 3}})
        kill_preparer(service, fault, call, nth, tmp_path / str(number))
        following = service.spawn("preparer")
        record = ready(service, tokenizer_id)
        whole = file_of(service, record).read_bytes()
        job = service.wait_for_status(job_id, Status.SUCCEEDED, Status.FAILED)
        fault.expect(job.status == Status.SUCCEEDED, str(job.error))
        file_of(service, record).unlink()
        undisturbed = ready(service, train(service, vocab_size=vocab_size))
        fault.expect(undisturbed["sha256"] == record["sha256"], "undisturbed it is another tokenizer")
        fault.expect(file_of(service, record).read_bytes() == whole, "undisturbed it writes another file")
        following.close()


@pytest.mark.fault(34)
def test_the_process_that_trains_dies_with_its_worker(serve: Serve, fault: Fault) -> None:
    service = serve(**PATIENT)
    text = (new_id("story") + STORY * LARGE_TEXT).encode()
    headers = {"Content-Type": "text/plain"}
    answer = service.request("POST", "/datasets?name=large", content=text, headers=headers)
    assert answer.status_code == 201, answer.text
    text_path = str(dataset_path(service.settings.artifacts, answer.json()["sha256"]))  # it is an argument
    tokenizer_id = train(service, answer.json()["id"])
    doomed = service.spawn("preparer")
    wait_until(lambda: pids_of(text_path), "a process trained")
    doomed.kill()
    fault.inject()
    wait_until(lambda: not pids_of(text_path), "it died with its worker")
    service.spawn("preparer")
    fault.expect(ready(service, tokenizer_id)["vocab_size"] is not None, "it was not trained")
