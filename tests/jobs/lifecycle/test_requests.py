"""Every request in every status, and again."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from jobs.lifecycle.attempts import claim, fail, renew_lease, stop, succeed
from jobs.lifecycle.history import record_checkpoint, record_evaluation, record_sample
from jobs.lifecycle.requests import delete_job, request_cancel, request_pause, resume
from jobs.settings import Settings
from jobs.states import Status, WrongState, job_error
from jobs.store.database import Database
from jobs.store.events import list_events
from jobs.store.lookup import NotFound, get_job
from jobs.store.tables import Checkpoint, Evaluation, Event, Job, Removal, Sample
from tests.jobs.making import queued_job, running_job
from tests.waiting import wait_until

Request = Callable[[Session, str], object]

REQUESTS: dict[str, Request] = {
    "cancel": request_cancel,
    "pause": request_pause,
    "resume": resume,
    "delete": delete_job,
}
FATAL = job_error("diverged", "the loss became nan at step 3", 1)
FULL = job_error("disk_full", "no space left", 1)


def ask(database: Database, job: Job, *requests: str) -> None:
    for request in requests:
        with database.write() as session:
            REQUESTS[request](session, job.id)


def stored(database: Database, job: Job) -> Job:
    with database.read() as session:
        return get_job(session, job.id)


def statuses(database: Database, job: Job) -> list[str]:
    """As the events tell them."""
    with database.read() as session:
        return [e.data["status"] for e in list_events(session, job.id) if e.type == "status"]


def job_that_is(state: str, database: Database, settings: Settings) -> Job:
    """A job in a status, or a running one that is already asked to stop, made as it comes to that in life."""
    if state == "queued":
        return queued_job(database, settings)
    job = running_job(database, settings)
    if state in ("cancel promised", "cancelled"):
        ask(database, job, "cancel")
    if state in ("pause promised", "paused"):
        ask(database, job, "pause")
    with database.write() as session:
        if state in ("cancelled", "paused"):
            stop(session, job.id, 1, "asked")
        elif state == "succeeded":
            succeed(session, job.id, 1, "epochs")
        elif state == "failed":
            fail(session, job.id, 1, FATAL)
    return stored(database, job)


REFUSED = None
# For each request and state of a job: its status and what it is asked to stop for afterwards.
OUTCOMES: dict[str, dict[str, tuple[str, str | None] | None]] = {
    "cancel": {
        "queued": ("cancelled", None),
        "running": ("running", "cancel"),
        "pause promised": ("running", "cancel"),
        "cancel promised": ("running", "cancel"),
        "paused": ("cancelled", None),
        "cancelled": ("cancelled", None),
        "succeeded": REFUSED,
        "failed": REFUSED,
    },
    "pause": {
        "queued": REFUSED,
        "running": ("running", "pause"),
        "pause promised": ("running", "pause"),
        "cancel promised": ("running", "cancel"),
        "paused": ("paused", None),
        "cancelled": REFUSED,
        "succeeded": REFUSED,
        "failed": REFUSED,
    },
    "resume": {
        "queued": REFUSED,
        "running": REFUSED,
        "pause promised": REFUSED,
        "cancel promised": REFUSED,
        "paused": ("queued", None),
        "cancelled": REFUSED,
        "succeeded": REFUSED,
        "failed": REFUSED,
    },
}
CASES = [(request, state) for request, of_states in OUTCOMES.items() for state in of_states]


@pytest.mark.parametrize(("request_name", "state"), CASES)
def test_a_request_has_its_outcome_in_every_state_and_a_repeat_changes_nothing(
    database: Database, settings: Settings, request_name: str, state: str
) -> None:
    job = job_that_is(state, database, settings)
    outcome = OUTCOMES[request_name][state]
    history_before = statuses(database, job)
    if outcome is REFUSED:
        with pytest.raises(
            WrongState, match=f"job {job.id} is {job.status}, so {request_name} is not possible"
        ):
            ask(database, job, request_name)
        after = stored(database, job)
        assert (after.status, after.stopping) == (job.status, job.stopping)
        assert statuses(database, job) == history_before
        return
    ask(database, job, request_name)
    first, history = stored(database, job), statuses(database, job)
    assert (first.status, first.stopping) == outcome
    assert history == history_before + ([first.status] if first.status != job.status else [])
    ask(database, job, request_name)
    again = stored(database, job)
    assert [getattr(again, c.name) for c in Job.__table__.columns] == [
        getattr(first, c.name) for c in Job.__table__.columns
    ]
    assert statuses(database, job) == history


@pytest.mark.parametrize("state", ["paused", "cancelled", "succeeded", "failed"])
def test_a_job_that_nobody_runs_any_more_can_be_deleted_and_is_then_unknown(
    database: Database, settings: Settings, state: str
) -> None:
    job = job_that_is(state, database, settings)
    ask(database, job, "delete")
    with pytest.raises(NotFound, match=job.id):
        stored(database, job)
    with pytest.raises(NotFound, match=job.id):
        ask(database, job, "delete")


@pytest.mark.parametrize("state", ["queued", "running", "pause promised", "cancel promised"])
def test_a_job_that_is_still_wanted_cannot_be_deleted(
    database: Database, settings: Settings, state: str
) -> None:
    job = job_that_is(state, database, settings)
    with pytest.raises(WrongState, match=f"is {job.status}, so delete is not possible"):
        ask(database, job, "delete")
    assert stored(database, job).status == job.status
    with database.read() as session:
        assert session.scalars(select(Removal.job_id)).all() == []


@pytest.mark.parametrize("request_name", REQUESTS)
def test_a_request_for_an_unknown_job_is_not_found(database: Database, request_name: str) -> None:
    with pytest.raises(NotFound, match="job-none"), database.write() as session:
        REQUESTS[request_name](session, "job-none")


def test_deletion_takes_the_rows_of_every_table_and_lists_the_folder(
    database: Database, settings: Settings
) -> None:
    deleted, other = running_job(database, settings), running_job(database, settings)
    for job in (deleted, other):
        with database.write() as session:
            record_everything(session, job.id)
            succeed(session, job.id, 1, "epochs")
    ask(database, deleted, "delete")
    with database.read() as session:
        for table in (Checkpoint, Evaluation, Event, Sample):
            owners = set(session.scalars(select(table.job_id)))
            assert owners == {other.id}, table.__tablename__
        assert list(session.scalars(select(Job.id))) == [other.id]
        assert list(session.scalars(select(Removal.job_id))) == [deleted.id]


def record_everything(session: Session, job_id: str) -> None:
    at = {"step": 1, "epoch": 1}
    losses: dict[str, Any] = {"train_loss": 1.0, "val_loss": 1.0}
    speed = {"tokens_seen": 1, "learning_rate": 1.0, "grad_norm": None, "tokens_per_s": None}
    record_evaluation(session, job_id, 1, {**at, **losses, **speed})
    record_sample(session, job_id, 1, {**at, "prompt": "a", "text": "ab"})
    files = {"bytes": 1, "sha256": "0", "directory": f"jobs/{job_id}/attempt-1/step-1"}
    record_checkpoint(session, job_id, 1, {**at, **losses, **files}, keep_last=1, keep_best=1)


def test_a_cancel_outranks_a_pause_whichever_comes_first(database: Database, settings: Settings) -> None:
    for order in (("pause", "cancel"), ("cancel", "pause")):
        job = running_job(database, settings)
        ask(database, job, *order)
        with database.write() as session:
            assert renew_lease(session, job.id, 1, lease_s=30) == "cancel"
            assert stop(session, job.id, 1, "asked") == Status.CANCELLED


def test_a_job_that_finishes_although_a_pause_was_asked_for_has_succeeded(
    database: Database, settings: Settings
) -> None:
    job = job_that_is("pause promised", database, settings)
    with database.write() as session:
        assert succeed(session, job.id, 1, "epochs") == Status.SUCCEEDED
    assert stored(database, job).stopping is None


def test_a_crash_on_the_way_to_a_pause_ends_in_the_pause_and_counts(
    database: Database, settings: Settings
) -> None:
    job = job_that_is("pause promised", database, settings)
    with database.write() as session:
        assert fail(session, job.id, 1, job_error("internal", "boom", 1)) == Status.PAUSED
    assert (stored(database, job).failures, stored(database, job).error) == (1, None)


def test_resuming_forgets_why_the_service_paused_the_job(database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    with database.write() as session:
        assert fail(session, job.id, 1, FULL) == Status.PAUSED
    assert stored(database, job).error == FULL
    ask(database, job, "resume")
    waiting = stored(database, job)
    assert (waiting.error, waiting.attempt) == (None, 1)
    assert waiting.queued_at is not None
    assert waiting.queued_at > job.created_at


def test_a_resume_is_a_repeat_only_until_the_job_is_claimed(database: Database, settings: Settings) -> None:
    job = job_that_is("paused", database, settings)
    ask(database, job, "resume", "resume")
    with database.write() as session:
        claim(session, job.id, "worker-2", lease_s=30)
    with pytest.raises(WrongState, match="is running, so resume"):
        ask(database, job, "resume")
    with database.write() as session:
        stop(session, job.id, 2, "drained")
    with pytest.raises(WrongState, match="is queued, so resume"):
        ask(database, job, "resume")


def test_a_job_cancelled_while_paused_has_an_end_and_no_error(database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    with database.write() as session:
        fail(session, job.id, 1, FULL)
    ask(database, job, "cancel")
    cancelled = stored(database, job)
    assert (cancelled.status, cancelled.error) == (Status.CANCELLED, None)
    assert cancelled.finished_at is not None


@pytest.mark.parametrize(("request_name", "outcome"), [("cancel", Status.CANCELLED), ("delete", None)])
def test_a_request_that_meets_a_worker_in_mid_write_is_decided_by_what_the_worker_wrote(
    database: Database, settings: Settings, backend: str, request_name: str, outcome: Status | None
) -> None:
    job = job_that_is("pause promised" if request_name == "delete" else "running", database, settings)
    request = threading.Thread(target=ask, args=(database, job, request_name))
    with database.write() as session:
        stop(session, job.id, 1, "drained")
        request.start()
        if backend == "postgresql":  # SQLite lets nobody begin
            wait_until(lambda: waits_for_a_lock(database), "the request came")
    request.join()
    with database.read() as session:
        assert session.scalar(select(Job.status).where(Job.id == job.id)) == outcome


def waits_for_a_lock(database: Database) -> bool:
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    with database.read() as session:
        return session.execute(text(f"{query} AND wait_event_type = 'Lock'")).scalar_one() == 1
