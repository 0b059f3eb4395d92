"""Workers that are killed or stopped under the eyes of a process that watches them."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from jobs.states import Status
from tests.chaos.conftest import Serve, Within
from tests.chaos.faults import Fault
from tests.chaos.reference import Referee, small
from tests.chaos.service import Process, Service
from tests.chaos.stopping import stop, stop_on
from tests.client.running import Running, environment_on, processes_of
from tests.waiting import wait_until
from tests.worker.processes import parent_of, pids_of

SEEN_WITHIN_S = 30
LONGER = small(training={"num_epochs": 30})


def working(service: Service, queue: str) -> list[dict[str, Any]]:
    """The records of the queue's workers that are idle or busy."""
    workers = service.request("GET", "/workers").json()["data"]
    return [record for record in workers if record["queue"] == queue and record["status"] in ("idle", "busy")]


def is_ready(service: Service) -> bool:
    return service.request("GET", "/readyz").status_code == 200


def start_watched(service: Service, queue: str) -> tuple[Process, int]:
    """One more watched worker, once it works: the process that watches it, and its own id."""
    watchdog = service.spawn(f"watched {queue}")
    (record,) = wait_until(lambda: working(service, queue), "the worker worked")
    assert parent_of(record["pid"]) == watchdog.pid
    return watchdog, record["pid"]


def wait_for_successor(service: Service, watchdog: Process, queue: str, pid: int) -> None:
    """Wait until another worker works, and the one before is gone."""
    wait_until(
        lambda: [record for record in working(service, queue) if record["pid"] != pid], "another one worked"
    )
    assert watchdog.alive
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.fault(25)
def test_a_generation_worker_that_is_stopped_is_seen_killed_and_replaced(
    serve: Serve, fault: Fault, within: Within
) -> None:
    service = serve(lease_s=30.0, renew_s=5.0, preparers=1)
    watchdog, pid = start_watched(service, "generate")
    wait_until(lambda: is_ready(service), "the service was ready")
    stop(service, pid)
    stopped_s = time.monotonic()
    fault.inject()
    wait_until(lambda: not working(service, "generate"), "it was seen")
    seen_s = time.monotonic() - stopped_s
    fault.expect(seen_s < within(SEEN_WITHIN_S), f"it was hung or lost only after {seen_s:.0f} s")
    checks = service.request("GET", "/readyz").json()["checks"]
    fault.expect("no generation worker works" in checks["workers"], f"/readyz says {checks}")
    wait_for_successor(service, watchdog, "generate", pid)
    wait_until(lambda: is_ready(service), "the service was ready again")


@pytest.mark.fault(25)
def test_a_generation_worker_that_is_killed_is_replaced(serve: Serve, fault: Fault) -> None:
    service = serve(preparers=1)
    watchdog, pid = start_watched(service, "generate")
    os.kill(pid, signal.SIGKILL)
    fault.inject()
    wait_for_successor(service, watchdog, "generate", pid)
    wait_until(lambda: is_ready(service), "the service was ready again")


@pytest.mark.fault(9)
def test_a_watched_training_worker_that_is_stopped_is_replaced_and_its_job_goes_on(
    serve: Serve, reference: Referee, fault: Fault
) -> None:
    service = serve(workers=0)
    watchdog, pid = start_watched(service, "train")
    service.hold(20)
    job_id = service.post(LONGER)
    service.wait_for_step(job_id, 20)
    trainer = service.trainer_pid(job_id)
    stop(service, pid)
    service.let_go()
    fault.inject()
    wait_for_successor(service, watchdog, "train", pid)
    fault.expect(trainer not in pids_of(f"worker.trainer {job_id}"), "the stopped worker's trainer is left")
    job = service.wait_for_status(job_id, Status.SUCCEEDED)
    fault.expect(job.attempt == 2, f"it took {job.attempt} attempts")
    service.outcome(job_id).check(fault, reference(LONGER))


@pytest.mark.fault(7)
def test_a_watched_worker_that_is_shut_down_hands_its_job_back(
    serve: Serve, reference: Referee, fault: Fault
) -> None:
    service = serve(workers=0)
    watchdog, _ = start_watched(service, "train")
    service.hold(23)
    job_id = service.post(LONGER)
    service.wait_for_step(job_id, 23)
    status = watchdog.terminate()
    service.let_go()
    fault.inject()
    fault.expect(status == 0, f"the first process ended with {status}")
    job = service.job(job_id)
    fault.expect((job.status, job.failures) == (Status.QUEUED, 0), f"{job.status}, {job.failures} failures")
    service.spawn("watched train")
    service.wait_for_status(job_id, Status.SUCCEEDED)
    service.outcome(job_id).check(fault, reference(LONGER))


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A real `pretrain up`, with leases short enough to wait for."""
    tmp_path = tmp_path_factory.mktemp("up")
    quick = {"PRETRAIN_LEASE_S": "9", "PRETRAIN_RENEW_S": "1", "PRETRAIN_SPARE_TRAINER": "false"}
    running = Running(["up", "--port", "0"], environment_on(tmp_path / "data", **quick, OMP_NUM_THREADS="1"))
    running.wait_for("pretrain is ready.")
    yield running
    running.process.terminate()
    running.process.wait(120)
    wait_until(lambda: not processes_of(tmp_path / "data"), "all processes were gone")


@pytest.mark.fault(25)
@pytest.mark.parametrize("queue", ["generate", "train"])
def test_up_replaces_a_worker_that_is_stopped_and_says_so(up: Running, fault: Fault, queue: str) -> None:
    def get(path: str) -> httpx2.Response:
        return httpx2.get(up.url + path, timeout=60, trust_env=False, verify=False)

    def pids_at_work() -> list[int]:
        found = [record for record in get("/workers").json()["data"] if record["queue"] == queue]
        return [record["pid"] for record in found if record["status"] in ("idle", "busy")]

    (pid,) = wait_until(pids_at_work, "one worked")
    stop_on(f"sqlite:///{up.data_dir / 'pretrain.sqlite3'}", pid)
    fault.inject()
    up.wait_for(f"{queue} hung and was killed (no sign of life for")
    wait_until(lambda: pids_at_work() not in ([], [pid]), "another one worked")
    wait_until(lambda: get("/readyz").status_code == 200, "the service was ready again")
    fault.expect(not Path(f"/proc/{pid}").exists(), "the stopped process is left")
