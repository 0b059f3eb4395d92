from typing import Any

import pytest
from sqlalchemy import select, update

from jobs.lifecycle.attempts import claim, stop
from jobs.lifecycle.workers import list_workers, remove_lost_workers, remove_worker, unserved_queues
from jobs.settings import Settings
from jobs.store.database import Database, now_s
from jobs.store.tables import Job, Worker
from tests.jobs.ages import without_age
from tests.jobs.making import announce_worker, queued_job, running_job, send_heartbeat, silence_worker

LEASE_S = 30


def statuses(database: Database, lease_s: float = LEASE_S) -> dict[str, tuple[str, str | None]]:
    """Status and detail of each worker."""
    with database.read() as session:
        return {state.worker.id: (state.status, state.detail) for state in list_workers(session, lease_s)}


def problems(database: Database) -> list[str]:
    with database.read() as session:
        return unserved_queues(list_workers(session, LEASE_S))


def let_wait(database: Database, job: Job, waited_s: float) -> None:
    """As if the job had been waiting so long."""
    with database.write() as session:
        session.execute(update(Job).where(Job.id == job.id).values(queued_at=now_s() - waited_s))


def test_a_worker_without_work_is_idle(database: Database) -> None:
    announce_worker(database, "train")
    assert statuses(database) == {"train-1": ("idle", None)}


def test_a_sign_of_life_replaces_the_one_before_and_keeps_the_age(database: Database) -> None:
    send_heartbeat(database, "train", age_s=10_000, state_age_s=10_000)
    send_heartbeat(database, "train", age_s=10_500, state_age_s=500, job_id="job-1")
    with database.read() as session:
        now = session.execute(select(now_s())).scalar_one()
        (worker,) = session.scalars(select(Worker))
    assert worker.job_id == "job-1"
    ages = [now - worker.started_at, now - worker.since, now - worker.heard_at]
    assert ages == pytest.approx([10_500, 500, 0], abs=120)


def test_workers_come_the_oldest_first(database: Database) -> None:
    for worker_id, age_s in (("b", 1000), ("c", 3000), ("a", 2000)):
        announce_worker(database, "train", id=worker_id, age_s=age_s)
    assert list(statuses(database)) == ["c", "a", "b"]


def test_a_worker_at_its_own_job_is_busy_however_long(database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    announce_worker(database, "train", id=str(job.worker), job_id=job.id, state_age_s=10_000)
    let_wait(database, queued_job(database, settings), 10_000)
    assert statuses(database) == {"worker-1": ("busy", None)}


@pytest.mark.parametrize("values", [{}, {"job_id": "job-1"}, {"listening": False}])
def test_a_worker_that_is_silent_for_longer_than_a_lease_is_lost_whatever_it_said(
    database: Database, values: dict[str, Any]
) -> None:
    announce_worker(database, "train", **values)
    silence_worker(database, "train-1", LEASE_S + 1)
    ((status, detail),) = statuses(database).values()
    assert (status, without_age(detail, LEASE_S + 1)) == ("lost", "no sign of life for N s")


def test_a_worker_that_has_just_missed_a_sign_of_life_is_not_lost(database: Database) -> None:
    announce_worker(database, "train")
    long_lease_s = 100 * LEASE_S
    silence_worker(database, "train-1", 2 / 3 * long_lease_s - 500)
    assert statuses(database, long_lease_s) == {"train-1": ("idle", None)}


@pytest.mark.parametrize("queue", ["train", "generate", "prepare"])
def test_a_worker_that_no_longer_listens_is_hung(database: Database, queue: str) -> None:
    announce_worker(database, queue, listening=False)
    assert statuses(database) == {f"{queue}-1": ("hung", "it no longer listens to the broker")}


def test_a_worker_that_is_still_at_a_job_that_another_has_taken_over_is_hung(
    database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    announce_worker(database, "train", id="worker-0", job_id=job.id)
    assert statuses(database) == {
        "worker-0": ("hung", "it still runs a job that is no longer its own"),
    }


def test_a_generation_worker_needs_no_running_job_to_be_busy(database: Database) -> None:
    announce_worker(database, "generate", job_id="job-that-ended")
    assert statuses(database) == {"generate-1": ("busy", None)}


def test_a_worker_that_is_idle_for_a_lease_while_a_job_waits_is_hung(
    database: Database, settings: Settings
) -> None:
    announce_worker(database, "train", state_age_s=100)
    announce_worker(database, "generate", state_age_s=100)
    let_wait(database, queued_job(database, settings), LEASE_S + 10)
    found = statuses(database)
    status, detail = found.pop("train-1")
    assert (status, without_age(detail, 40)) == ("hung", "it has been idle for N s while jobs wait")
    assert found == {"generate-1": ("idle", None)}


def test_neither_a_job_that_came_just_now_nor_a_worker_that_was_busy_until_now_makes_it_hung(
    database: Database, settings: Settings
) -> None:
    job = queued_job(database, settings)
    announce_worker(database, "train", state_age_s=100)
    assert statuses(database) == {"train-1": ("idle", None)}
    let_wait(database, job, 100)
    announce_worker(database, "train", age_s=100, state_age_s=1)
    assert statuses(database) == {"train-1": ("idle", None)}


def test_a_job_that_was_queued_again_waits_only_since_then(database: Database, settings: Settings) -> None:
    job = queued_job(database, settings)
    let_wait(database, job, 1000)
    with database.write() as session:
        claim(session, job.id, "worker-1", lease_s=30)
        stop(session, job.id, 1, "drained")
    announce_worker(database, "train", state_age_s=100)
    assert statuses(database) == {"train-1": ("idle", None)}


def test_a_worker_that_has_taken_leave_is_forgotten(database: Database) -> None:
    announce_worker(database, "train", id="a")
    announce_worker(database, "train", id="b")
    with database.write() as session:
        remove_worker(session, "a")
    assert list(statuses(database)) == ["b"]


def test_only_workers_that_have_long_been_lost_are_forgotten(database: Database) -> None:
    for worker_id, silence_s in (("long", 4000), ("lately", 100)):
        silence_worker(database, announce_worker(database, "train", id=worker_id), silence_s)
    with database.write() as session:
        remove_lost_workers(session, silence_s=3600)
    assert list(statuses(database)) == ["lately"]


def test_of_a_queue_that_has_no_other_the_last_lost_worker_is_not_forgotten(database: Database) -> None:
    for worker_id, silence_s in (("longest", 9000), ("long", 4000)):
        silence_worker(database, announce_worker(database, "train", id=worker_id), silence_s)
    announce_worker(database, "generate")
    with database.write() as session:
        remove_lost_workers(session, silence_s=3600)
    assert list(statuses(database)) == ["long", "generate-1"]
    announce_worker(database, "train", id="new")
    with database.write() as session:
        remove_lost_workers(session, silence_s=3600)
    assert list(statuses(database)) == ["generate-1", "new"]


def test_nothing_is_lacking_while_one_worker_of_each_kind_works(database: Database) -> None:
    announce_worker(database, "train", id="well")
    silence_worker(database, announce_worker(database, "train", id="lost"), 100)
    announce_worker(database, "generate")
    announce_worker(database, "prepare")
    assert problems(database) == []


def test_work_that_no_worker_does_is_named_with_what_is_the_matter_with_each(database: Database) -> None:
    assert problems(database) == [
        "no training worker works (none has reported)",
        "no generation worker works (none has reported)",
        "no preparation worker works (none has reported)",
    ]
    announce_worker(database, "prepare")
    announce_worker(database, "train", id="a", age_s=2, listening=False)
    silence_worker(database, announce_worker(database, "train", id="b", age_s=1), 40)
    announce_worker(database, "generate")
    (problem,) = problems(database)
    assert without_age(problem, 40) == (
        "no training worker works (a is hung: it no longer listens to the broker; "
        "b is lost: no sign of life for N s)"
    )
