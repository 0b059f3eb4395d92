from sqlalchemy import update

from jobs.database import Database, now_s
from jobs.lifecycle import claim, renew, stop
from jobs.lookup import get_job
from jobs.requests import request_pause, resume
from jobs.settings import Settings
from jobs.states import Status
from jobs.tables import Job
from jobs.upkeep import mark_published, paused_for_room, reap, unheard_jobs
from tests.jobs.making import age_events, full_disk_job, queued_job, running_job


def unheard(database: Database, waiting: int, patience_s: float = 0.0) -> list[str]:
    with database.read() as session:
        return [job.id for job in unheard_jobs(session, "train", waiting, patience_s)]


def test_a_running_job_whose_lease_ran_out_is_queued_again(database: Database, settings: Settings) -> None:
    lost, alive = running_job(database, settings), running_job(database, settings)
    with database.write() as session:
        session.execute(update(Job).where(Job.id == lost.id).values(lease_expires_at=now_s() - 1))
    with database.write() as session:
        assert reap(session) == [lost.id]
    with database.read() as session:
        assert get_job(session, lost.id).status == Status.QUEUED
        assert get_job(session, alive.id).status == Status.RUNNING


def paused(database: Database, patience_s: float = 60) -> list[str]:
    with database.read() as session:
        return [job.id for job in paused_for_room(session, patience_s)]


def test_a_job_that_a_full_disk_paused_is_found_once_it_has_been_paused_long_enough(
    database: Database, settings: Settings
) -> None:
    job = full_disk_job(database, settings)
    assert paused(database) == []
    age_events(database, job.id, age_s=61)
    assert paused(database) == [job.id]
    assert paused(database, patience_s=100) == []


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
        renew(session, job.id, 1, lease_s=30)
    with database.write() as session:
        assert reap(session) == []


def test_a_queued_job_without_a_message_is_published_again(database: Database, settings: Settings) -> None:
    first, second = queued_job(database, settings), queued_job(database, settings)
    assert unheard(database, waiting=0) == [first.id, second.id]
    assert unheard(database, waiting=1) == [first.id]
    assert unheard(database, waiting=2) == []


def test_the_job_that_waited_longest_for_a_message_comes_first(
    database: Database, settings: Settings
) -> None:
    first, second = queued_job(database, settings), queued_job(database, settings)
    with database.write() as session:
        mark_published(session, first.id)
    assert unheard(database, waiting=1) == [second.id]


def test_a_message_just_sent_is_given_time_while_others_wait(database: Database, settings: Settings) -> None:
    queued_job(database, settings)
    queued_job(database, settings)
    assert unheard(database, waiting=1, patience_s=60) == []


def test_running_jobs_are_not_published(database: Database, settings: Settings) -> None:
    running_job(database, settings)
    assert unheard(database, waiting=0) == []
