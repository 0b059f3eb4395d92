"""Logs for machines: every line of every process is an object, and says in whose name it was written."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from jobs.settings import Settings
from tests.client.running import Running, wait_until
from tests.e2e.conftest import Start
from tests.small import small_spec
from tests.waiting import PATIENCE_S

Line = dict[str, Any]


@pytest.fixture(scope="module")
def service(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Running:
    running = start(tmp_path_factory.mktemp("json") / "data", "up", PRETRAIN_LOG_FORMAT="json")
    running.wait_for("pretrain is ready.")
    return running


@pytest.fixture(scope="module")
def client(service: Running) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=service.url, timeout=PATIENCE_S, trust_env=False, verify=False) as client:
        yield client


@pytest.fixture(scope="module")
def job_id(client: httpx2.Client) -> str:
    """A job that was posted by the request `posting-1` and has ended."""
    posted = client.post("/jobs", json=small_spec(), headers={"X-Request-ID": "posting-1"})
    assert posted.status_code == 201, posted.text
    job_id: str = posted.json()["id"]
    wait_until(lambda: client.get(f"/jobs/{job_id}").json()["status"] == "succeeded")
    return job_id


def lines_of(service: Running, name: str) -> list[Line]:
    """What that process and those below it have written, whole lines only."""
    text = (service.data_dir / "logs" / f"{name}.log").read_text()
    written = [line for line in text[: text.rfind("\n") + 1].splitlines() if line]
    objects = []
    for line in written:
        try:
            objects.append(json.loads(line))
        except ValueError:
            pytest.fail(f"{name} has written what is no JSON: {line!r}")
    return objects


@pytest.mark.parametrize("name", ["api", "train", "generate", "prepare", "keeper", "migrations"])
def test_every_line_of_every_process_is_an_object_with_time_level_logger_and_message(
    service: Running, job_id: str, name: str
) -> None:
    lines = lines_of(service, name)
    assert lines or name == "keeper"  # which has nothing to say while all is well
    for line in lines:
        assert {"time", "level", "logger", "message"} <= line.keys(), line


def test_the_id_of_the_request_that_posted_a_job_is_in_the_lines_of_its_supervisor_and_its_trainer(
    service: Running, client: httpx2.Client, job_id: str
) -> None:
    def of_job() -> list[Line]:
        return [line for line in lines_of(service, "train") if line.get("job_id") == job_id]

    by_trainer = [json.loads(line) for line in client.get(f"/jobs/{job_id}/log").text.splitlines()]
    assert by_trainer
    wait_until(
        lambda: all(line in of_job() for line in by_trainer), "the supervisor showed it as it was written"
    )
    assert {(line["request_id"], line["attempt"]) for line in of_job()} == {("posting-1", 1)}
    assert all(str(line["worker"]).startswith("train-") for line in of_job())


def test_each_request_has_a_line_without_its_query(
    service: Running, client: httpx2.Client, job_id: str
) -> None:
    response = client.get("/jobs?limit=1", headers={"X-Request-ID": "listing-1"})

    def accesses() -> list[Line]:
        return [line for line in lines_of(service, "api") if line.get("request_id") == "listing-1"]

    [line] = wait_until(accesses)
    assert (line["method"], line["path"], line["status"]) == ("GET", "/jobs", 200)
    assert line["bytes"] > len(response.content)
    assert 0 < line["seconds"] < 60
    assert "limit" not in json.dumps(line)


def test_a_prompt_carries_its_requests_id_to_the_generation_worker(
    service: Running, client: httpx2.Client, job_id: str
) -> None:
    def lines_of_request(request_id: str) -> list[Line]:
        return [line for line in lines_of(service, "generate") if line.get("request_id") == request_id]

    settings = Settings(data_dir=Path(service.data_dir))
    [folder] = (settings.artifacts / "jobs" / job_id).glob("attempt-*/*")
    weights = (folder / "weights.safetensors").read_bytes()
    (folder / "weights.safetensors").write_bytes(b"damaged")
    refused = client.post("/generate", json={"prompt": "Every"}, headers={"X-Request-ID": "prompting-0"})
    assert refused.status_code == 503, refused.text
    lines = wait_until(lambda: lines_of_request("prompting-0"))
    assert all(line["generation"].startswith("generation-") for line in lines)
    (folder / "weights.safetensors").write_bytes(weights)
    answered = client.post("/generate", json={"prompt": "Every"}, headers={"X-Request-ID": "prompting-1"})
    assert answered.status_code == 200, answered.text
    [line] = wait_until(lambda: lines_of_request("prompting-1"))
    assert line["completion_tokens"] == answered.json()["completion_tokens"]


def test_what_a_request_has_a_worker_prepare_carries_its_id(service: Running, client: httpx2.Client) -> None:
    asked = {"name": "mine", "dataset": "sample", "vocab_size": 300}
    posted = client.post("/tokenizers", json=asked, headers={"X-Request-ID": "training-1"})
    assert posted.status_code == 202, posted.text
    path = posted.headers["Location"]
    wait_until(lambda: client.get(path).json()["status"] == "ready")

    def has_ended() -> bool:
        lines = [line for line in lines_of(service, "prepare") if line.get("request_id") == "training-1"]
        return {line["prepared"] for line in lines} == {posted.json()["id"]} and len(lines) >= 2

    wait_until(has_ended)
