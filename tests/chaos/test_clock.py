"""Hosts whose clocks are an hour off."""

import subprocess
import time
from collections.abc import Callable

import pytest
from sqlalchemy import select

from jobs.lifecycle.checkpoints import list_checkpoints
from jobs.lifecycle.history import list_evaluations, list_samples
from jobs.states import Status
from jobs.store.database import now_s
from jobs.store.lookup import get_job
from jobs.store.tables import Event, Worker
from tests.chaos.conftest import Serve
from tests.chaos.faults import Fault
from tests.chaos.reference import Referee, small
from tests.chaos.service import INJECTED_PATH, QUICK, Service
from tests.waiting import wait_until

LONGER = small(training={"num_epochs": 15})
LEASE_S = QUICK["lease_s"]
HOUR_S = 3600
TAKEN_AWAY_WITHIN_S = 60


def in_python(by_s: int) -> dict[str, str]:
    """The environment of a process, and its children, in which `time.time` is off."""
    return {"PYTHONPATH": INJECTED_PATH, "CHAOS_CLOCK": str(by_s)}


def in_libc(by_s: int) -> dict[str, str]:
    """The same for the C library's clock, as faketime sets it."""
    shown = subprocess.run(
        ["faketime", "-m", "-f", "+0", "env"], check=True, text=True, capture_output=True
    ).stdout
    preload = next(line for line in shown.splitlines() if line.startswith("LD_PRELOAD="))
    return {
        "PYTHONPATH": INJECTED_PATH,
        "LD_PRELOAD": preload.removeprefix("LD_PRELOAD="),
        "FAKETIME": f"{by_s:+d}",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def clock_of_database(service: Service) -> float:
    with service.database.read() as session:
        return session.execute(select(now_s())).scalar_one()


def times_on_record(service: Service, job_id: str) -> list[float]:
    """Every time that anybody has written down."""
    with service.database.read() as session:
        job = get_job(session, job_id)
        recorded = [*list_evaluations(session, job_id), *list_samples(session, job_id)]
        times = [row.recorded_at for row in recorded]
        times += [row.created_at for row in list_checkpoints(session, job_id)]
        times += session.scalars(select(Event.created_at).where(Event.job_id == job_id))
        for worker in session.scalars(select(Worker)):
            times += [worker.started_at, worker.since, worker.heard_at]
    assert job.started_at is not None
    assert job.finished_at is not None
    return [*times, job.created_at, job.started_at, job.finished_at]


@pytest.mark.fault(18)
@pytest.mark.parametrize(
    ("off", "by_s"),
    [
        (in_python, HOUR_S),
        pytest.param(in_python, -HOUR_S, marks=pytest.mark.thorough),
        pytest.param(in_libc, HOUR_S, marks=pytest.mark.thorough),
        pytest.param(in_libc, -HOUR_S, marks=pytest.mark.thorough),
    ],
    ids=["an hour ahead", "an hour behind", "an hour ahead in libc", "an hour behind in libc"],
)
def test_workers_and_keepers_whose_clocks_are_an_hour_off_behave_as_ever(
    serve: Serve, reference: Referee, fault: Fault, off: Callable[[int], dict[str, str]], by_s: int
) -> None:
    service = serve(database="postgresql", workers=0, keepers=0)
    began_at = clock_of_database(service)
    service.spawn("keeper", **off(by_s))
    service.spawn("keeper", **off(-by_s))
    worker = service.spawn("worker", **off(by_s))
    fault.inject(3)
    watch_from_s = time.monotonic() + LEASE_S + QUICK["keeper_s"]
    wait_until(lambda: len(service.live_workers()) == 1, "the worker listened")
    wait_until(lambda: time.monotonic() > watch_from_s, "the keepers took jobs away")

    service.hold(20)
    job_id = service.post(LONGER)
    service.wait_for_step(job_id, 20)
    fault.expect(service.job(job_id).attempt == 1, "the job was taken away from a living worker")
    worker.kill()
    service.let_go()
    expires_at = service.job(job_id).lease_expires_at
    assert expires_at is not None
    service.spawn("worker", **off(-by_s))
    fault.inject()
    service.wait_for_status(job_id, Status.SUCCEEDED)
    crashes = [event.created_at for event in service.events(job_id, "crash")]
    fault.expect(len(crashes) == 1, f"{len(crashes)} attempts count as crashed")
    after_s = crashes[0] - expires_at
    fault.expect(0 <= after_s < TAKEN_AWAY_WITHIN_S, f"taken away {after_s:.1f} s after its lease's end")
    times = times_on_record(service, job_id)
    now = clock_of_database(service)
    fault.expect(began_at <= min(times), f"{began_at - min(times):.1f} s before anything had begun")
    fault.expect(max(times) <= now, f"{max(times) - now:.1f} s from now")
    service.outcome(job_id).check(fault, reference(LONGER))
