from sqlalchemy import update

from jobs.database import Database, now_s
from jobs.lifecycle import claim, renew
from jobs.lookup import get_job
from jobs.settings import Settings
from jobs.states import Status
from jobs.tables import Job
from jobs.upkeep import mark_published, reap, unheard_jobs
from tests.jobs.making import queued_job, running_job


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
