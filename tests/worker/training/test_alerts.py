"""Alerts of jobs that real trainers train."""

import os
import signal
from collections.abc import Callable

import pytest

from jobs.lifecycle.checkpoints import list_checkpoints
from jobs.lifecycle.history import list_evaluations
from jobs.lifecycle.requests import resume
from jobs.states import Status
from jobs.store.database import Database
from jobs.store.events import list_events
from jobs.store.lookup import get_job
from jobs.store.tables import Job
from tests.chaos.reference import Referee
from tests.small import small_spec
from tests.waiting import wait_until
from tests.worker.conftest import Attempt
from tests.worker.processes import pids_of
from tests.worker.training.conftest import HeldAt

pytestmark = pytest.mark.slow

LONG = {"training": {"num_epochs": 10}}
ALERTS = [
    {"when": "evaluations_since_best >= 0", "do": "pause"},
    {"when": "train_loss > 0 for 9", "do": "notify"},
]


def alerts_of(database: Database, job: Job) -> list[tuple[int, int]]:
    """Rule and step of each, in the order in which they fired."""
    with database.read() as session:
        events = list_events(session, job.id)
    return [(event.data["rule"], event.data["step"]) for event in events if event.type == "alert"]


@pytest.mark.sqlite_will_do
def test_a_job_that_an_alert_paused_ends_as_if_nothing_had_happened_and_no_alert_fires_twice(
    database: Database,
    post: Callable[..., Job],
    attempt: Callable[[Job], Attempt],
    reference: Referee,
    held_at: HeldAt,
) -> None:
    job = post(**LONG, alerts=ALERTS)
    attempt(job).join()
    with database.read() as session:
        assert get_job(session, job.id).status == Status.PAUSED
    with database.write() as session:
        resume(session, job.id)

    def has_come_to(step: int) -> Callable[[], bool]:
        def holds() -> bool:
            with database.read() as session:
                return list_evaluations(session, job.id)[-1].step >= step

        return holds

    with database.read() as session:
        paused_at = list_evaluations(session, job.id)[-1].step
    with held_at(45):  # of 60: or it might have ended before the kill comes
        killed = attempt(job)
        wait_until(has_come_to(max(paused_at, 9) + 3), "it had gone on")
        (pid,) = pids_of(f"worker.trainer {job.id}")
        os.kill(pid, signal.SIGKILL)
        killed.join()
    attempt(job).join()
    with database.read() as session:
        done = get_job(session, job.id)
        sha256 = list_checkpoints(session, job.id)[-1].sha256
    assert (done.status, done.attempt) == (Status.SUCCEEDED, 3)
    assert alerts_of(database, job) == [(0, 0), (1, 8)]
    assert sha256 == reference(small_spec(**LONG)).sha256
