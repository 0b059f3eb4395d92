"""Far more jobs than workers, and workers that are killed while they take them."""

import math
import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import func, select

from jobs.states import TERMINAL, Status
from jobs.store.tables import Job
from tests.chaos.conftest import Serve
from tests.chaos.faults import Fault
from tests.chaos.reference import Referee, small
from tests.chaos.service import INJECTED_PATH, Service
from tests.waiting import wait_until

KILL_EVERY_S = (3.0, 8.0)


class Flood:
    """Jobs of which all but a few have a stub for a trainer, and the workers that take them."""

    def __init__(self, service: Service, stubs: int, real: int, list_of_stubs: Path) -> None:
        self.service = service
        every = (stubs + real) // real
        with ThreadPoolExecutor(4) as pool:
            self.jobs = list(pool.map(service.post, [small()] * (stubs + real)))
        self.real = self.jobs[every - 1 :: every][:real]
        self.stubs = [job_id for job_id in self.jobs if job_id not in self.real]
        list_of_stubs.write_text("\n".join(self.stubs))
        self._variables = {
            "PYTHONPATH": INJECTED_PATH,
            "CHAOS_STUBS": str(list_of_stubs),
            "PRETRAIN_SPARE_TRAINER": "false",
        }

    def add_worker(self) -> None:
        self.service.spawn("worker", **self._variables)

    def left(self) -> int:
        """Jobs that have not ended."""
        with self.service.database.read() as session:
            count = select(func.count()).where(Job.status.not_in(TERMINAL))
            return session.scalar(count) or 0


@pytest.mark.fault(24)
@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.thorough)])
def test_every_job_of_a_flood_is_run_once_although_workers_are_killed(
    serve: Serve,
    reference: Referee,
    fault: Fault,
    thorough: bool,
    seed: int,
    database: str,
    tmp_path: Path,
) -> None:
    stubs, real, workers, kills = (1000, 20, 3, math.inf) if thorough else (30, 3, 2, 3)
    if database == "postgresql":
        stubs, real = 200, 10
    chosen = random.Random(seed)
    service = serve(database=database, workers=0)
    flood = Flood(service, stubs, real, tmp_path / "stubs")
    for _ in range(workers):
        flood.add_worker()
    wait_until(lambda: flood.left() < stubs + real, "the first job had ended")
    while fault.injected < kills and flood.left():
        time.sleep(chosen.uniform(*KILL_EVERY_S))
        chosen.choice(service.of_kind("worker")).kill()
        fault.inject()
        flood.add_worker()
    while left := flood.left():
        wait_until(lambda left=left: flood.left() < left, f"one of the last {left} jobs had ended")
    for job_id in flood.stubs:
        outcome = service.outcome(job_id)
        fault.expect(outcome.statuses.count(Status.SUCCEEDED) == 1, f"job {job_id}: {outcome.statuses}")
        outcome.check_order(fault)
    for job_id in flood.real:
        service.outcome(job_id).check(fault, reference(small()))
