"""Events, and the order in which whoever reads them sees them."""

import threading
import time
from random import Random

import pytest

from jobs.settings import Settings
from jobs.states import Status
from jobs.store.database import Database
from jobs.store.events import (
    DELETED,
    forget_deleted_jobs,
    last_event_id,
    list_events,
    record_event,
    record_event_once,
)
from tests.jobs.making import age_events, queued_job

WRITERS, EVENTS_EACH = 6, 20


def test_a_reader_that_only_goes_on_misses_no_event_of_concurrent_writers(database: Database) -> None:
    def write(writer: int) -> None:
        random = Random(writer)
        for number in range(EVENTS_EACH):
            with database.write() as session:
                record_event(session, f"job-{writer}", 1, "log", {"number": number})
                time.sleep(random.uniform(0, 0.003))  # others begin and commit meanwhile

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(WRITERS)]
    for thread in threads:
        thread.start()
    seen: list[tuple[str, int]] = []
    last_id, has_ended = 0, False
    while not has_ended:
        has_ended = not any(thread.is_alive() for thread in threads)  # before the last look
        with database.read() as session:
            events = list_events(session, None, last_id)
        seen += [(event.job_id, event.data["number"]) for event in events]
        last_id = events[-1].id if events else last_id
    assert len(seen) == WRITERS * EVENTS_EACH
    for writer in range(WRITERS):
        assert [number for job, number in seen if job == f"job-{writer}"] == list(range(EVENTS_EACH))


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_the_event_of_the_transaction_that_commits_later_has_the_greater_id(database: Database) -> None:
    """On SQLite there is one writing transaction at a time."""
    with database.write() as first:
        record_event(first, "first", 1, "log", {})
        with database.write() as second:
            record_event(second, "second", 1, "log", {})
    with database.read() as session:
        assert [event.job_id for event in list_events(session, None)] == ["second", "first"]


def test_what_is_rolled_back_leaves_no_event(database: Database) -> None:
    with database.write() as session:
        record_event(session, "job-1", 1, "log", {})
        session.rollback()
    with database.read() as session:
        assert list_events(session, None) == []


def test_a_number_is_never_given_twice(database: Database) -> None:
    with database.write() as session:
        record_event(session, "job-1", 1, DELETED, {})
    with database.read() as session:
        first = last_event_id(session)
    age_events(database, "job-1", 100)
    with database.write() as session:
        forget_deleted_jobs(session, 50)
    with database.write() as session:
        record_event(session, "job-2", 1, "log", {})
    with database.read() as session:
        assert [event.job_id for event in list_events(session, None)] == ["job-2"]
        assert last_event_id(session) > first


def test_only_what_tells_of_a_deletion_is_forgotten_with_time(database: Database, settings: Settings) -> None:
    job = queued_job(database, settings)
    age_events(database, job.id, 100)
    with database.write() as session:
        forget_deleted_jobs(session, 50)
    with database.read() as session:
        assert [event.data["status"] for event in list_events(session, job.id)] == [Status.QUEUED]


def test_an_event_of_an_attempt_is_recorded_once_however_often_it_is_written(database: Database) -> None:
    for attempt in (1, 1, 2):
        with database.write() as session:
            record_event_once(session, "job-1", attempt, "started", {})
    with database.read() as session:
        assert [event.attempt for event in list_events(session, "job-1")] == [1, 2]
