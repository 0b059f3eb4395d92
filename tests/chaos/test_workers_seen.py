"""What `GET /workers` and `/readyz` tell of workers that are stopped, deaf or at work."""

from typing import Any

import pytest

from jobs.states import Status
from tests.backends import RedisServer
from tests.chaos.conftest import MakeProxy, Serve
from tests.chaos.faults import Fault
from tests.chaos.proxy import behind
from tests.chaos.reference import small
from tests.chaos.service import Process, Service
from tests.chaos.stopping import go_on, stop
from tests.waiting import wait_until


def record_of(service: Service, worker: Process) -> dict[str, Any]:
    """What `GET /workers` tells of it."""
    workers = service.request("GET", "/workers").json()["data"]
    (record,) = [record for record in workers if record["pid"] == worker.pid]
    return record


def wait_until_seen(service: Service, worker: Process, status: str) -> dict[str, Any]:
    """What is told of it when it is told as that."""

    def record_with_status() -> dict[str, Any] | None:
        record = record_of(service, worker)
        return record if record["status"] == status else None

    record = wait_until(record_with_status, f"the worker was {status}")
    assert record is not None
    return record


def workers_check(service: Service) -> str:
    """What `/readyz` says of the workers, of which this service has none that generates."""
    return service.request("GET", "/readyz").json()["checks"]["workers"]


@pytest.mark.fault(9)
def test_a_stopped_worker_is_lost_until_it_goes_on_and_a_working_one_is_busy(
    serve: Serve, fault: Fault
) -> None:
    service = serve()
    worker = service.worker
    named = record_of(service, worker)["id"]
    fault.expect("training" not in workers_check(service), "a training worker was missed")

    stop(service, worker.pid)
    fault.inject()
    record = wait_until_seen(service, worker, "lost")
    fault.expect("no sign of life" in record["detail"], f"told as {record}")
    fault.expect(f"{named} is lost" in workers_check(service), f"/readyz says {workers_check(service)}")

    go_on(worker.pid)
    record = wait_until_seen(service, worker, "idle")
    fault.expect(record["detail"] is None, f"told as {record}")
    fault.expect("training" not in workers_check(service), f"/readyz says {workers_check(service)}")

    service.hold(0)
    job_id = service.post(small())
    record = wait_until_seen(service, worker, "busy")
    fault.expect(record["job_id"] == job_id, f"told as {record}")
    service.let_go()
    service.wait_for_status(job_id, Status.SUCCEEDED)
    record = wait_until_seen(service, worker, "idle")
    fault.expect(record["job_id"] is None, f"told as {record}")


@pytest.mark.fault(13)
def test_a_worker_whose_broker_never_answers_is_hung_while_a_job_waits(
    serve: Serve, proxy: MakeProxy, redis_server: RedisServer, fault: Fault
) -> None:
    service = serve(workers=0)
    link = proxy(redis_server.port)
    worker = service.spawn("worker", PRETRAIN_REDIS_URL=behind(link, redis_server.url))
    wait_until(lambda: len(service.live_workers()) == 1, "the worker listened")

    link.stall()
    fault.inject()
    job_id = service.post(small())
    record = wait_until_seen(service, worker, "hung")
    fault.expect(bool(record["detail"]), f"told as {record}")
    fault.expect(f"{record['id']} is hung" in workers_check(service), f"/readyz: {workers_check(service)}")

    link.forward()
    service.wait_for_status(job_id, Status.SUCCEEDED)
    wait_until_seen(service, worker, "idle")
    fault.expect("training" not in workers_check(service), f"/readyz says {workers_check(service)}")
