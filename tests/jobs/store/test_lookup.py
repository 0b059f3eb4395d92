import pytest
from sqlalchemy import delete, update

from jobs.lifecycle.requests import delete_job, request_cancel
from jobs.settings import Settings
from jobs.states import Status
from jobs.store.database import Database
from jobs.store.lookup import BadCursor, JobFilter, NotFound, get_job, list_jobs, newest_with_checkpoint
from jobs.store.tables import Event, Job
from tests.jobs.making import queued_job, running_job


def ids(database: Database, criteria: JobFilter, limit: int = 10, after: str | None = None) -> list[str]:
    with database.read() as session:
        return [job.id for job in list_jobs(session, criteria, limit, after)[0]]


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


LABELS = {
    "é": "à",
    "名前": "値",
    "😀": "\U0001f600",
    'a"b': 'c"d',
    "back\\slash": "\\u00e9",
    "it's": "''",
    "a.b[0]": "$.c",
    "$": "#-1",
    "#": "%",
    " ": "",
    "\x7f\x01": "\n\t",
    "\u2028": "\u00a0",
    "null": "null",
    "1": "1",
}


def test_jobs_are_found_by_labels_of_any_text(database: Database, settings: Settings) -> None:
    plain = queued_job(database, settings, metadata=dict.fromkeys(LABELS, "other"))
    labelled = {
        name: queued_job(database, settings, metadata={name: value}) for name, value in LABELS.items()
    }
    for name, value in LABELS.items():
        assert ids(database, JobFilter(labels={name: value})) == [labelled[name].id], name
        assert ids(database, JobFilter(labels={name: f"{value}x"})) == [], name
        assert ids(database, JobFilter(labels={name: "other"})) == [plain.id], name
        assert ids(database, JobFilter(labels={f"{name}x": value})) == [], name


def test_a_cursor_outlives_its_job(database: Database, settings: Settings) -> None:
    made = [queued_job(database, settings).id for _ in range(6)][::-1]
    for gone in (made[1], made[2]):
        with database.write() as session:
            request_cancel(session, gone)
            delete_job(session, gone)
    assert ids(database, JobFilter(), after=made[1]) == made[3:]
    assert ids(database, JobFilter(), after=made[2]) == made[3:]
    assert ids(database, JobFilter(), limit=2, after=made[0]) == made[3:5]


def test_a_cursor_of_an_earlier_versions_job_works_while_that_is_there(
    database: Database, settings: Settings
) -> None:
    made = [queued_job(database, settings).id for _ in range(3)][::-1]
    old = "job-0123456789abcdef"
    with database.write() as session:
        session.execute(delete(Event).where(Event.job_id == made[1]))
        session.execute(update(Job).where(Job.id == made[1]).values(id=old))
    assert ids(database, JobFilter(), after=old) == made[2:]
    assert ids(database, JobFilter(), after=made[0]) == [old, made[2]]
    with database.write() as session:
        session.execute(delete(Job).where(Job.id == old))
    with pytest.raises(BadCursor, match=old):
        ids(database, JobFilter(), after=old)


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
