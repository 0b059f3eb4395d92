"""The API killed at the moments between storing a job and announcing it."""

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import pytest

from jobs.states import Status
from jobs.store.lookup import JobFilter, list_jobs
from jobs.store.tables import Job
from tests.backends import RedisServer
from tests.chaos.conftest import MakeProxy, Serve
from tests.chaos.faults import Fault
from tests.chaos.reference import Referee, Reference, small
from tests.chaos.service import Service
from tests.waiting import wait_until

RELAYED_WITHIN_S = 60


def jobs_named(service: Service, name: str) -> list[Job]:
    with service.database.read() as session:
        found, _ = list_jobs(session, JobFilter(name=name), limit=10, after=None)
    return list(found)


def check_relayed(service: Service, fault: Fault, job_id: str, expected: Reference) -> None:
    """Expect that the stored job is run, once, although nobody has announced it."""
    since_s = time.monotonic()
    wait_until(lambda: service.job(job_id).status != Status.QUEUED, "the job was claimed")
    waited_s = time.monotonic() - since_s
    fault.expect(waited_s < RELAYED_WITHIN_S, f"the job waited for {waited_s:.0f} s")
    service.wait_for_status(job_id, Status.SUCCEEDED)
    outcome = service.outcome(job_id)
    fault.expect(outcome.statuses.count(Status.RUNNING) == 1, f"claimed more than once: {outcome.statuses}")
    outcome.check(fault, expected)


@pytest.mark.fault(3)
@pytest.mark.parametrize(
    ("database", "connected"),
    [("sqlite", True), pytest.param("postgresql", False, marks=pytest.mark.thorough)],
    ids=["message on its way", "no connection yet"],
)
def test_a_job_whose_api_was_killed_while_it_announced_it_runs_once(
    serve: Serve,
    proxy: MakeProxy,
    redis_server: RedisServer,
    reference: Referee,
    fault: Fault,
    thorough: bool,
    database: str,
    connected: bool,
) -> None:
    link = proxy(redis_server.port)
    service = serve(database=database, links={"redis_url": link})
    for number in range(5 if thorough else 1):
        name = f"job {number}"
        if number:
            service.spawn("api")
            service.wait_for_api()
        if connected:
            service.wait_for_status(service.post(small()), Status.SUCCEEDED)
        link.stall()
        with ThreadPoolExecutor() as pool:
            posting = pool.submit(service.post, {**small(), "name": name})
            (job,) = wait_until(lambda name=name: jobs_named(service, name), "the row stood")
            assert not posting.done()
            service.api.kill_group()
            assert isinstance(posting.exception(), httpx2.TransportError)
        fault.inject()
        fault.expect(service.job(job.id).status == Status.QUEUED, "the job was claimed without a message")
        link.forward()
        check_relayed(service, fault, job.id, reference(small()))


@pytest.mark.fault(3)
def test_an_api_killed_right_after_it_stored_a_job_leaves_one_that_runs_once(
    serve: Serve, reference: Referee, fault: Fault, tmp_path: Path
) -> None:
    service = serve()
    name, token = "killed once it stood", tmp_path / "stored"
    with pytest.raises(httpx2.TransportError):
        post_to_injected(service, name, call="job-stored", nth=1, token=token)
    fault.inject()
    (job,) = jobs_named(service, name)
    check_relayed(service, fault, job.id, reference(small()))


@pytest.mark.thorough
@pytest.mark.fault(3)
def test_an_api_killed_after_any_of_its_commits_leaves_a_job_that_runs_once_or_none(
    serve: Serve, reference: Referee, fault: Fault, tmp_path: Path
) -> None:
    service = serve()
    service.post(small())  # so that the tokens are counted, and every later POST makes the same commits
    stored = 0
    for nth in count(1):
        name = f"killed after commit {nth}"
        token = tmp_path / f"commit-{nth}"
        try:
            post_to_injected(service, name, call="commit-answered", nth=nth, token=token)
        except httpx2.TransportError:
            assert token.exists()
            fault.inject()
        jobs = jobs_named(service, name)
        for job in jobs:
            check_relayed(service, fault, job.id, reference(small()))
        if not token.exists():  # no POST comes to so many
            assert len(jobs) == 1
            break
        stored += len(jobs)
    assert stored, "no kill came after the row's commit"


def post_to_injected(service: Service, name: str, **injection: Any) -> None:
    """Post a job to an API that is killed as `injection` says: the only one."""
    for api in service.of_kind("api"):  # none, if the last one died of it
        api.kill_group()
    service.spawn_injected("api", process="api", action="kill", **injection)
    service.wait_for_api()
    service.post({**small(), "name": name})
