import pytest

from jobs.database import Database
from jobs.lookup import BadCursor, JobFilter, NotFound, get_job, list_jobs, newest_with_checkpoint
from jobs.settings import Settings
from jobs.states import Status
from tests.jobs.making import queued_job, running_job


def ids(database: Database, wanted: JobFilter, limit: int = 10, after: str | None = None) -> list[str]:
    with database.read() as session:
        return [job.id for job in list_jobs(session, wanted, limit, after)[0]]


def test_pages_go_from_the_newest_job_to_the_oldest_without_gaps(
    database: Database, settings: Settings
) -> None:
    made = [queued_job(database, settings).id for _ in range(5)]
    with database.read() as session:
        first, more = list_jobs(session, JobFilter(), limit=2)
    assert more
    rest = ids(database, JobFilter(), after=first[-1].id)
    assert [job.id for job in first] + rest == made[::-1]


def test_jobs_are_found_by_status_name_and_labels(database: Database, settings: Settings) -> None:
    named = queued_job(database, settings, name="one")
    labelled = queued_job(database, settings, metadata={"team.a": 'x"y'})
    running = running_job(database, settings)
    assert ids(database, JobFilter(status=Status.RUNNING)) == [running.id]
    assert ids(database, JobFilter(name="one")) == [named.id]
    assert ids(database, JobFilter(labels={"team.a": 'x"y'})) == [labelled.id]
    assert ids(database, JobFilter(labels={"team.a": "z"})) == []


def test_a_cursor_that_names_no_job_is_refused(database: Database) -> None:
    with pytest.raises(BadCursor, match="job-none"):
        ids(database, JobFilter(), after="job-none")


def test_what_is_not_there_is_not_found(database: Database, settings: Settings) -> None:
    queued_job(database, settings)
    with database.read() as session:
        with pytest.raises(NotFound, match="no job 'job-none'"):
            get_job(session, "job-none")
        with pytest.raises(NotFound, match="no job has a checkpoint yet"):
            newest_with_checkpoint(session)
