"""A service that is used while a part of it is not ready, and that is killed."""

import json
import os
import signal
from pathlib import Path

import pytest

from tests.client.running import Running, wait_until
from tests.e2e.conftest import Start

TINY = ["--set", "preset=tiny", "--set", "dataset=sample"]


@pytest.fixture(scope="module")
def service(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Running:
    """One that starts; the last test kills it."""
    folder: Path = tmp_path_factory.mktemp("started")
    return start(folder / "data", "up")


def test_a_job_that_is_posted_before_the_workers_are_ready_is_trained_once_they_are(service: Running) -> None:
    def training_worker() -> int | None:
        commands = service.processes().items()
        return next((pid for pid, command in commands if "-m worker train" in command), None)

    wait_until(lambda: training_worker() is not None, "the training worker had been started")
    stopped = training_worker()
    assert stopped is not None
    os.kill(stopped, signal.SIGSTOP)

    service.wait_for("Waiting for workers: no training worker works (none has reported)")
    job = json.loads(service.call("submit", *TINY, "--set", "training.max_steps=2", "--json"))
    assert job["status"] == "queued"
    assert "pretrain is ready." not in service.err

    os.kill(stopped, signal.SIGCONT)
    service.wait_for("pretrain is ready.")
    assert json.loads(service.call("watch", job["id"], "--json"))["status"] == "succeeded"


def test_a_killed_up_takes_api_workers_and_trainer_with_it(service: Running) -> None:
    service.wait_for("pretrain is ready.")
    job_id = json.loads(service.call("submit", *TINY, "--set", "training.num_epochs=1000", "--json"))["id"]
    wait_until(
        lambda: any(f"worker.trainer {job_id}" in command for command in service.processes().values()),
        "the trainer ran",
    )
    service.send(signal.SIGKILL)
    service.ended()
    wait_until(lambda: not service.processes(), "all its processes were gone")
