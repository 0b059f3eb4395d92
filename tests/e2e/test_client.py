"""The Python client against a real service: a job's way, also while the API is killed and started again."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from client import Pretrain
from client.errors import ApiError, JobFailed, TimedOut
from client.records import Event, Job, ProgressEvent
from tests.client.running import Running
from tests.e2e.conftest import Start
from tests.small import small_spec


@pytest.fixture(scope="module")
def up(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Running:
    running = start(tmp_path_factory.mktemp("client") / "data", "up", PRETRAIN_SPARE_TRAINER="false")
    running.wait_for("pretrain is up.")
    return running


@pytest.fixture
def pretrain(up: Running) -> Iterator[Pretrain]:
    with Pretrain(up.url) as client:
        yield client


@pytest.fixture(scope="module")
def job_and_events(up: Running) -> tuple[Job, list[Event | ProgressEvent]]:
    """A job that has succeeded, and its events as they came: the API is killed in the middle."""
    with Pretrain(up.url) as client:
        job = client.jobs.submit(small_spec(name="followed"))
        events: list[Event | ProgressEvent] = []
        for event in client.jobs.events(job["id"]):
            events.append(event)
            if [each["type"] for each in events].count("evaluation") == 3 and event["type"] == "evaluation":
                kill_api(up)
        return client.jobs.wait(job["id"]), events


def kill_api(up: Running) -> None:
    [api] = [pid for pid, command in up.processes().items() if command.strip().endswith("-m api")]
    os.kill(api, signal.SIGKILL)


def test_events_over_a_restart_of_the_api_are_all_there_and_once(
    pretrain: Pretrain, job_and_events: tuple[Job, list[Event | ProgressEvent]]
) -> None:
    job, events = job_and_events
    told = [event for event in events if event["type"] != "progress"]
    assert told == list(pretrain.jobs.past_events(job["id"]))
    assert told[-1]["data"]["status"] == "succeeded"
    assert job["status"] == "succeeded"


def test_losses_are_rows_and_columns_of_the_same_numbers(
    pretrain: Pretrain, job_and_events: tuple[Job, list[Event | ProgressEvent]]
) -> None:
    job, events = job_and_events
    rows = pretrain.jobs.losses(job["id"])
    columns = pretrain.jobs.loss_columns(job["id"])
    assert columns["step"] == [*range(36)]
    assert columns["val_loss"] == [row["val_loss"] for row in rows]
    told = [event["data"]["val_loss"] for event in events if event["type"] == "evaluation"]
    assert columns["val_loss"] == told
    assert len(pretrain.jobs.losses(job["id"], max_points=8)) <= 8


def test_a_stream_has_the_text_that_an_answer_has(
    pretrain: Pretrain, job_and_events: tuple[Job, list[Event | ProgressEvent]]
) -> None:
    job, _ = job_and_events
    generated = pretrain.generate("Every effort", job_id=job["id"], max_new_tokens=12)
    with pretrain.stream("Every effort", job_id=job["id"], max_new_tokens=12) as stream:
        pieces = list(stream)
    assert len(pieces) > 1
    assert "".join(pieces) == generated["completion"]
    assert stream.generation is not None
    assert stream.generation["text"] == generated["text"]
    assert pretrain.score("Every effort", job_id=job["id"])["loss"] > 0


def test_a_filled_spec_is_a_spec_again_and_the_same_one(
    pretrain: Pretrain, job_and_events: tuple[Job, list[Event | ProgressEvent]]
) -> None:
    job, _ = job_and_events
    assert pretrain.jobs.estimate(job["spec"])["spec"] == job["spec"]


def test_jobs_texts_and_checkpoints_are_found_again(
    pretrain: Pretrain, job_and_events: tuple[Job, list[Event | ProgressEvent]], tmp_path: Path
) -> None:
    job, _ = job_and_events
    assert [found["id"] for found in pretrain.jobs.list(name="followed")] == [job["id"]]
    with (tmp_path / "weights").open("w+b") as file:
        etag = pretrain.jobs.download_checkpoint(job["id"], file)
    assert etag == f'"{pretrain.jobs.checkpoints(job["id"])[-1]["sha256"]}"'
    dataset = pretrain.datasets.add_text("hello", "Hello, world. " * 500)
    assert pretrain.datasets.wait(dataset["id"])["characters"] == 7000
    assert pretrain.datasets.text(dataset["id"], limit=5)["text"] == "Hello"
    pretrain.datasets.delete(dataset["id"])
    assert {worker["queue"] for worker in pretrain.workers()} >= {"train", "generate"}
    assert pretrain.limits()["max_prompts"] == 8


def test_a_job_that_is_cancelled_raises_and_one_that_goes_on_times_out(pretrain: Pretrain) -> None:
    job = pretrain.jobs.submit(small_spec(training={"num_epochs": 9_000}))
    with pytest.raises(TimedOut, match="it goes on"):
        pretrain.jobs.wait(job["id"], timeout_s=0.5)
    pretrain.jobs.cancel(job["id"])
    with pytest.raises(JobFailed, match="was cancelled"):
        pretrain.jobs.wait(job["id"])
    pretrain.jobs.delete(job["id"])
    with pytest.raises(ApiError, match="404"):
        pretrain.jobs.get(job["id"])
