from sqlalchemy import update

from jobs.lifecycle.attempts import claim, renew_lease, stop
from jobs.lifecycle.reaper import jobs_paused_for_disk, messages_to_republish, reap
from jobs.lifecycle.requests import request_pause, resume
from jobs.settings import Settings
from jobs.states import Status
from jobs.store.database import Database, now_s
from jobs.store.lookup import get_job
from jobs.store.tables import Job
from tests.jobs.making import (
    age_events,
    announce_worker,
    full_disk_job,
    queued_job,
    running_job,
    silence_worker,
)


def messages(database: Database, lease_s: float = 30) -> dict[str, int]:
    with database.read() as session:
        return messages_to_republish(session, lease_s)


def test_a_running_job_whose_lease_ran_out_is_queued_again(database: Database, settings: Settings) -> None:
    lost, alive = running_job(database, settings), running_job(database, settings)
    with database.write() as session:
        session.execute(update(Job).where(Job.id == lost.id).values(lease_expires_at=now_s() - 1))
    with database.write() as session:
        assert reap(session) == [lost.id]
    with database.read() as session:
        assert get_job(session, lost.id).status == Status.QUEUED
        assert get_job(session, alive.id).status == Status.RUNNING


def paused(database: Database, min_age_s: float = 60) -> list[str]:
    with database.read() as session:
        return [job.id for job in jobs_paused_for_disk(session, min_age_s)]


def test_a_job_that_a_full_disk_paused_is_found_once_it_has_been_paused_long_enough(
    database: Database, settings: Settings
) -> None:
    job = full_disk_job(database, settings)
    assert paused(database) == []
    age_events(database, job.id, age_s=61)
    assert paused(database) == [job.id]
    assert paused(database, min_age_s=100) == []


def test_neither_what_a_person_paused_nor_what_a_disk_paused_and_was_resumed_waits_for_room(
    database: Database, settings: Settings
) -> None:
    asked, resumed = running_job(database, settings), full_disk_job(database, settings)
    with database.write() as session:
        request_pause(session, asked.id)
        stop(session, asked.id, 1, "asked")
        resume(session, resumed.id)
    for job in (asked, resumed):
        age_events(database, job.id, age_s=61)
    assert paused(database) == []


def test_a_renewed_lease_is_not_reaped(database: Database, settings: Settings) -> None:
    job = queued_job(database, settings)
    with database.write() as session:
        claim(session, job.id, "worker-1", lease_s=-1)
    with database.write() as session:
        renew_lease(session, job.id, 1, lease_s=30)
    with database.write() as session:
        assert reap(session) == []


def test_idle_workers_are_rung_for_while_a_job_waits(database: Database, settings: Settings) -> None:
    announce_worker(database, "train", id="a")
    announce_worker(database, "train", id="b")
    announce_worker(database, "generate")
    assert messages(database) == {}
    running_job(database, settings)
    assert messages(database) == {}, "no job waits"
    queued_job(database, settings)
    assert messages(database) == {"train": 2}


def test_workers_that_are_busy_deaf_or_lost_are_not_rung_for(database: Database, settings: Settings) -> None:
    queued_job(database, settings)
    announce_worker(database, "train", id="busy", job_id="job-1")
    announce_worker(database, "train", id="deaf", listening=False)
    silence_worker(database, announce_worker(database, "train", id="lost"), 2001)
    assert messages(database, lease_s=3000) == {}
    silence_worker(database, announce_worker(database, "train", id="silent for a while"), 1500)
    assert messages(database, lease_s=3000) == {"train": 1}


def test_a_worker_that_has_been_idle_for_long_is_rung_for_all_the_same(
    database: Database, settings: Settings
) -> None:
    job = queued_job(database, settings)
    with database.write() as session:
        session.execute(update(Job).where(Job.id == job.id).values(queued_at=now_s() - 1000))
    announce_worker(database, "train", state_age_s=1000)
    assert messages(database) == {"train": 1}


def test_no_worker_is_rung_for_a_job_that_fits_none_and_all_are_for_one_that_fits_some(
    database: Database, settings: Settings
) -> None:
    needed = queued_job(database, settings).memory_bytes or 0
    announce_worker(database, "train", id="small", memory_bytes=needed - 1)
    assert messages(database) == {}
    announce_worker(database, "train", id="large", memory_bytes=needed)
    assert messages(database) == {"train": 2}, "a message may reach either"
