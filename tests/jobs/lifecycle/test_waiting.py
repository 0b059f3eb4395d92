from typing import Any

from sqlalchemy import update

from jobs.lifecycle.waiting import Waiting, waiting_by_job
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.tables import Job
from tests.jobs.ages import without_age
from tests.jobs.making import announce_worker, queued_job, running_job, silence_worker

LEASE_S = 30
GIB = 2**30


def waiting(database: Database, *jobs: Job) -> list[Waiting | None]:
    with database.read() as session:
        by_job = waiting_by_job(session, [session.get_one(Job, job.id) for job in jobs], LEASE_S)
    return [by_job.get(job.id) for job in jobs]


def reason(database: Database, job: Job) -> str | None:
    (job_waiting,) = waiting(database, job)
    assert job_waiting is not None
    return job_waiting.waiting_for


def job_of(database: Database, settings: Settings, **values: Any) -> Job:
    job = queued_job(database, settings)
    with database.write() as session:
        session.execute(update(Job).where(Job.id == job.id).values(**values))
    return job


def test_a_job_waits_for_a_live_worker_of_its_queue(database: Database, settings: Settings) -> None:
    job = queued_job(database, settings)
    announce_worker(database, "generate")
    assert waiting(database, job) == [Waiting(1, "no live worker of its queue, train (none has reported)")]
    silence_worker(database, announce_worker(database, "train", id="a"), 100)
    announce_worker(database, "train", id="b", listening=False)
    message = without_age(reason(database, job), 100)
    assert "a is lost: no sign of life for N s" in message
    assert "b is hung: it no longer listens to the broker" in message


def test_a_job_waits_for_a_worker_that_it_fits(database: Database, settings: Settings) -> None:
    job = job_of(database, settings, memory_bytes=12 * GIB)
    announce_worker(database, "train", id="a", memory_bytes=8 * GIB)
    announce_worker(database, "train", id="b", memory_bytes=6 * GIB)
    assert reason(database, job) == (
        "no worker that it fits: it needs about 12.0 GiB of memory, "
        "and of the queue train the largest worker has 8.0 GiB"
    )
    announce_worker(database, "train", id="c", memory_bytes=16 * GIB)
    assert reason(database, job) is None


def test_a_job_waits_for_those_before_it(database: Database, settings: Settings) -> None:
    announce_worker(database, "train")
    jobs = [queued_job(database, settings, priority=9 - number) for number in range(3)]
    assert waiting(database, *jobs) == [
        Waiting(1, None),
        Waiting(2, "1 job before it"),
        Waiting(3, "2 jobs before it"),
    ]


def test_the_first_in_line_waits_for_a_worker_to_be_free(database: Database, settings: Settings) -> None:
    running = running_job(database, settings)
    announce_worker(database, "train", id=str(running.worker), job_id=running.id)
    job = queued_job(database, settings)
    assert waiting(database, running, job) == [None, Waiting(1, "no worker is free: 1 of 1 busy")]


def test_neither_an_unknown_need_nor_an_unknown_memory_keeps_a_job_waiting(
    database: Database, settings: Settings
) -> None:
    job = job_of(database, settings, memory_bytes=None)
    large = job_of(database, settings, memory_bytes=2**60, priority=9)
    announce_worker(database, "train", memory_bytes=1)
    assert reason(database, job) == "1 job before it"
    announce_worker(database, "train", memory_bytes=None)
    assert reason(database, large) is None
