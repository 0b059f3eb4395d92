"""Clients that follow a job while everything behind the stream is restarted."""

from collections.abc import Callable

import pytest

from jobs.states import Status
from jobs.store.events import list_events
from tests.backends import PostgresServer
from tests.chaos.conftest import Serve
from tests.chaos.faults import Fault
from tests.chaos.persistent_follower import PersistentFollower
from tests.chaos.service import Service
from tests.small import small_spec
from tests.waiting import PATIENCE_S, wait_until

LONGER = small_spec(training={"num_epochs": 15})
STEPS_BETWEEN = 12
"""Two restarts."""


def restart_api(service: Service) -> None:
    api = service.api
    assert api.terminate() == 0
    api.start()
    service.wait_for_api()


def kill_api(service: Service) -> None:
    api = service.api
    api.kill()
    api.start()
    service.wait_for_api()


def kill_worker(service: Service) -> None:
    service.worker.kill()
    service.spawn("worker")


def told(service: Service, job_id: str) -> list[tuple[int, str]]:
    """Ids and types of the job's events, as they are on record."""
    return [(event.id, event.type) for event in service.events(job_id)]


@pytest.mark.fault(35)
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_whoever_follows_a_job_gets_every_event_once_whatever_is_restarted(
    request: pytest.FixtureRequest, serve: Serve, fault: Fault, database: str
) -> None:
    service = serve(database=database)

    def restart_postgresql(_: Service) -> None:
        postgres: PostgresServer = request.getfixturevalue("postgres")
        postgres.stop()
        postgres.start()

    strikes: list[Callable[[Service], None]] = [restart_api, kill_worker, kill_api]
    if database == "postgresql":
        strikes.insert(2, restart_postgresql)
    service.hold(STEPS_BETWEEN)
    job_id = service.post(LONGER)
    with service.database.read() as session:
        before = [event.id for event in list_events(session, None) if event.job_id != job_id]
    of_job = [PersistentFollower(f"{service.url}/jobs/{job_id}/events") for _ in range(3)]
    of_all = PersistentFollower(f"{service.url}/events?after={max(before, default=0)}")
    for follower in (*of_job, of_all):
        assert follower.has_begun.wait(PATIENCE_S)
    for number, strike in enumerate(strikes, start=1):
        service.wait_for_step(job_id, STEPS_BETWEEN * number)
        wait_until(lambda: of_job[0].events[-1:] == told(service, job_id)[-1:], "the stream was up to date")
        service.hold(STEPS_BETWEEN * (number + 1))  # so that it trains on, and is not over by the next time
        strike(service)
        fault.inject()
    service.let_go()
    service.wait_for_status(job_id, Status.SUCCEEDED)
    recorded = told(service, job_id)
    for follower in of_job:
        follower.wait_until_over()
    wait_until(lambda: of_all.events[-1:] == recorded[-1:], "the last event came")
    of_all.close()
    for follower in (*of_job, of_all):
        ids = [event_id for event_id, _ in follower.events]
        fault.expect(ids == sorted(set(ids)), f"events came twice or out of order: {follower.events}")
        missing = [event for event in recorded if event not in follower.events]
        fault.expect(not missing, f"missing: {missing}")
        fault.expect(follower.breaks >= 2, "the stream was never broken")
    steps = [event.data["step"] for event in service.events(job_id, "evaluation")]
    fault.expect(steps == sorted(set(steps)), f"an evaluation was told twice: {steps}")
    fault.expect(steps == service.steps(job_id), f"told: {steps}")
    fault.expect(len(service.events(job_id, "started")) == 2, "the killed worker's job was not resumed")
