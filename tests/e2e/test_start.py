"""A service that is used while a part of it is not ready, and that is killed."""

import json
import os
import signal
from pathlib import Path

import pytest

from tests.chaos.service import INJECTED_PATH
from tests.client.running import Running, wait_until
from tests.e2e.conftest import Start
from tests.waiting import PATIENCE_S
from tests.worker.processes import state_of

TINY = ["--set", "preset=tiny", "--set", "dataset=sample"]


@pytest.fixture(scope="module")
def service(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Running:
    """One that starts, whose training worker stops before it has told anybody of itself, and is left to stand
    for long; the last test kills the service."""
    folder: Path = tmp_path_factory.mktemp("started")
    stops = {"process": ["worker", "train"], "call": "statement", "nth": 1, "action": "stop"}
    injection = json.dumps({**stops, "token": str(folder / "token")})
    variables = {"PYTHONPATH": INJECTED_PATH, "CHAOS_INJECT": injection, "PRETRAIN_LEASE_S": f"{PATIENCE_S}"}
    return start(folder / "data", "up", **variables)


def test_a_job_that_is_posted_before_the_workers_are_ready_is_trained_once_they_are(service: Running) -> None:
    def stopped_worker() -> int | None:
        commands = service.processes().items()
        workers = [pid for pid, command in commands if "celeryd: train" in command]
        return next((pid for pid in workers if state_of(pid) == "T"), None)

    stopped = wait_until(stopped_worker, "the training worker had stopped")
    assert stopped is not None

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
