"""A database that goes away, for everybody or for one worker."""

import signal
import time
from typing import Any

import pytest

from jobs.states import Status
from tests.backends import PostgresServer
from tests.chaos.conftest import MakeProxy, Serve
from tests.chaos.faults import Fault
from tests.chaos.proxy import behind
from tests.chaos.reference import Referee, small
from tests.chaos.service import QUICK
from tests.waiting import wait_until
from tests.worker.processes import pids_of

LONGER = small(training={"num_epochs": 15})
LEASE_S = QUICK["lease_s"]
LESS_THAN_A_LEASE_S = LEASE_S / 3
MORE_THAN_A_LEASE_S = LEASE_S + 2
DEFAULTS = {"lease_s": 30, "renew_s": 5, "keeper_s": 5}

MODES = ["refuse", pytest.param("stall", marks=pytest.mark.thorough)]


def let_pass(seconds: float) -> None:
    """How long something is away is a matter of time, not of a condition."""
    until_s = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > until_s)


@pytest.mark.fault(14)
@pytest.mark.parametrize(
    ("mode", "outages_s", "variables"),
    [
        pytest.param("refuse", [LESS_THAN_A_LEASE_S, MORE_THAN_A_LEASE_S], {}, id="refuses"),
        pytest.param(
            "stall",
            [LESS_THAN_A_LEASE_S, MORE_THAN_A_LEASE_S],
            {},
            id="never answers",
            marks=pytest.mark.thorough,
        ),
        pytest.param("refuse", [60], {}, id="a minute", marks=pytest.mark.thorough),
        pytest.param(
            "refuse", [60], DEFAULTS, id="a minute with the default lease", marks=pytest.mark.thorough
        ),
    ],
)
def test_a_database_that_is_away_costs_no_job_a_failure(
    serve: Serve,
    proxy: MakeProxy,
    postgres: PostgresServer,
    reference: Referee,
    fault: Fault,
    mode: str,
    outages_s: list[float],
    variables: dict[str, Any],
) -> None:
    link = proxy(postgres.socket)
    service = serve(database="postgresql", keepers=2, links={"database_url": link}, **variables)
    service.hold(20)
    job_id = service.post(LONGER)
    for number, outage_s in enumerate(outages_s, start=1):
        service.wait_for_step(job_id, 20 * number)
        getattr(link, mode)()
        service.hold(20 * (number + 1))
        fault.inject()
        let_pass(outage_s)
        assert service.job(job_id).status == Status.RUNNING
        link.forward()
    service.let_go()
    job = service.wait_for_status(job_id, Status.SUCCEEDED)
    fault.expect(not service.events(job_id, "crash"), "an attempt counts as crashed")
    fault.expect(job.failures == 0, f"{job.failures} failures")
    service.outcome(job_id).check(fault, reference(LONGER))


@pytest.mark.fault(14)
@pytest.mark.parametrize("mode", MODES)
def test_no_job_is_taken_away_until_a_lease_after_the_database_is_back(
    serve: Serve,
    proxy: MakeProxy,
    postgres: PostgresServer,
    reference: Referee,
    fault: Fault,
    mode: str,
) -> None:
    link = proxy(postgres.socket)
    service = serve(database="postgresql", keepers=2, links={"database_url": link})
    stopped = service.worker
    service.hold(30)
    job_id = service.post(LONGER)
    service.wait_for_step(job_id, 30)
    getattr(link, mode)()
    stopped.send(signal.SIGSTOP)  # so that it cannot renew when the database is back
    service.let_go()
    fault.inject()
    service.spawn("worker")
    let_pass(MORE_THAN_A_LEASE_S)
    back_s = time.monotonic()
    link.forward()
    wait_until(lambda: service.job(job_id).status != Status.RUNNING, "the job was taken away")
    waited_s = time.monotonic() - back_s
    fault.expect(waited_s >= LEASE_S, f"taken away {waited_s:.1f} s after the database was back")
    stopped.send(signal.SIGCONT)
    service.wait_for_status(job_id, Status.SUCCEEDED)
    service.outcome(job_id).check(fault, reference(LONGER))


@pytest.mark.fault(14)
def test_a_postgresql_that_is_restarted_costs_no_job_a_failure(
    serve: Serve, postgres: PostgresServer, reference: Referee, fault: Fault, thorough: bool
) -> None:
    service = serve(database="postgresql")
    service.spawn("keeper")
    service.hold(15)
    job_id = service.post(LONGER)
    for number in range(1, 5 if thorough else 2):
        service.wait_for_step(job_id, 15 * number)
        postgres.stop()
        service.hold(15 * (number + 1))
        fault.inject()
        postgres.start()
    service.let_go()
    job = service.wait_for_status(job_id, Status.SUCCEEDED)
    fault.expect(job.failures == 0, f"{job.failures} failures")
    service.outcome(job_id).check(fault, reference(LONGER))


@pytest.mark.fault(15)
@pytest.mark.parametrize("mode", MODES)
def test_a_worker_without_a_database_stops_before_another_starts(
    serve: Serve,
    proxy: MakeProxy,
    postgres: PostgresServer,
    reference: Referee,
    fault: Fault,
    mode: str,
) -> None:
    # The old trainer ends a third of a lease before another may start: so long may this test stand still.
    service = serve(database="postgresql", workers=0, lease_s=3 * LEASE_S)
    link = proxy(postgres.socket)
    service.spawn("worker", PRETRAIN_DATABASE_URL=behind(link, service.settings.database))
    wait_until(lambda: len(service.live_workers()) == 1, "the worker listened")
    service.hold(20)
    job_id = service.post(LONGER)
    service.wait_for_step(job_id, 20)
    old = service.trainer_pid(job_id)
    getattr(link, mode)()
    service.let_go()
    fault.inject()
    others = service.spawn("worker")
    wait_until(lambda: old not in pids_of(f"worker.trainer {job_id}"), "the old trainer ended")
    attempt = service.job(job_id).attempt
    fault.expect(attempt == 1, "another attempt owned the job while the old trainer ran")
    wait_until(lambda: service.job(job_id).attempt == 2, "another attempt owned the job")
    told = [event.id for event in service.events(job_id) if event.attempt == 1]
    link.forward()
    service.wait_for_status(job_id, Status.SUCCEEDED)
    wait_until(lambda: len(service.live_workers()) == 2, "the old worker was back")
    told_since = [event.id for event in service.events(job_id) if event.attempt == 1]
    fault.expect(told_since == told, "the old attempt wrote")
    service.outcome(job_id).check(fault, reference(LONGER))

    others.terminate()
    another = service.post(small())
    service.wait_for_status(another, Status.SUCCEEDED)
    service.outcome(another).check(fault, reference(small()))
