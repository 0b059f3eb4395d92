import json
import signal
from pathlib import Path

from tests.client.running import wait_until
from tests.e2e.conftest import Start


def test_a_killed_up_takes_api_workers_and_trainer_with_it(start: Start, tmp_path: Path) -> None:
    service = start(tmp_path / "data", "up")
    service.wait_for("pretrain is ready.")
    spec = ["--set", "preset=tiny", "--set", "dataset=sample", "--set", "training.num_epochs=1000"]
    job_id = json.loads(service.run("submit", *spec, "--json"))["id"]
    wait_until(
        lambda: any(f"worker.trainer {job_id}" in command for command in service.processes().values()),
        "the trainer ran",
    )
    service.send(signal.SIGKILL)
    service.ended()
    wait_until(lambda: not service.processes(), "all its processes were gone")
