"""Every request in every status, and again."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from jobs.lifecycle.attempts import claim, fail, renew_lease, stop, succeed
from jobs.lifecycle.checkpoints import list_checkpoints, record_checkpoint
from jobs.lifecycle.history import (
    forget_later,
    list_evaluations,
    list_samples,
    record_evaluation,
    record_sample,
)
from jobs.lifecycle.requests import (
    delete_job,
    request_cancel,
    request_checkpoint,
    request_finish,
    request_pause,
    resume,
)
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
    "finish": request_finish,
    "checkpoint": request_checkpoint,
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
    if state in ("finish promised", "finish left to the next", "finished on request"):
        ask(database, job, "finish")
    with database.write() as session:
        if state in ("cancelled", "paused", "handed back", "finish left to the next"):
            stop(session, job.id, 1, "asked")
        elif state == "finished on request":
            succeed(session, job.id, 1, "finish")
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
        "handed back": ("cancelled", None),
        "finish promised": ("running", "cancel"),
        "finish left to the next": ("cancelled", None),
        "finished on request": REFUSED,
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
        "handed back": REFUSED,
        "finish promised": ("running", "finish"),
        "finish left to the next": REFUSED,
        "finished on request": REFUSED,
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
        "handed back": REFUSED,
        "finish promised": REFUSED,
        "finish left to the next": REFUSED,
        "finished on request": REFUSED,
    },
    "finish": {
        "queued": REFUSED,
        "handed back": ("queued", "finish"),
        "running": ("running", "finish"),
        "pause promised": ("running", "finish"),
        "cancel promised": ("running", "cancel"),
        "finish promised": ("running", "finish"),
        "finish left to the next": ("queued", "finish"),
        "paused": REFUSED,
        "cancelled": REFUSED,
        "succeeded": REFUSED,
        "finished on request": ("succeeded", None),
        "failed": REFUSED,
    },
    "checkpoint": {
        "queued": REFUSED,
        "handed back": REFUSED,
        "running": ("running", None),
        "pause promised": ("running", "pause"),
        "cancel promised": ("running", "cancel"),
        "finish promised": ("running", "finish"),
        "finish left to the next": REFUSED,
        "paused": REFUSED,
        "cancelled": REFUSED,
        "succeeded": REFUSED,
        "finished on request": REFUSED,
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
        for table in (Checkpoint, Evaluation, Sample):
            owners = set(session.scalars(select(table.job_id)))
            assert owners == {other.id}, table.__tablename__
        assert list(session.scalars(select(Job.id))) == [other.id]
        assert list(session.scalars(select(Removal.job_id))) == [deleted.id]
        kinds = select(Event.type).where(Event.job_id == deleted.id)
        assert list(session.scalars(kinds)) == ["deleted"]


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
            assert renew_lease(session, job.id, 1, lease_s=30).stopping == "cancel"
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


def test_a_request_to_stop_is_an_event_once(database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    ask(database, job, "pause", "pause", "cancel", "cancel", "pause")
    with database.read() as session:
        changes = [event.data for event in list_events(session, job.id) if event.type == "changed"]
    assert changes == [{"stopping": "pause"}, {"stopping": "cancel"}]


@pytest.mark.parametrize("lost_by", ["drain", "crash", "full disk"])
def test_a_job_that_is_to_finish_is_so_until_an_attempt_has(
    database: Database, settings: Settings, lost_by: str
) -> None:
    job = job_that_is("finish promised", database, settings)
    with database.write() as session:
        if lost_by == "drain":
            assert stop(session, job.id, 1, "drained") == Status.QUEUED
        elif lost_by == "crash":
            assert fail(session, job.id, 1, job_error("internal", "boom", 1)) == Status.QUEUED
        else:
            assert fail(session, job.id, 1, FULL) == Status.PAUSED
    assert stored(database, job).stopping == "finish"
    if lost_by == "full disk":
        ask(database, job, "finish", "resume")
    with database.write() as session:
        claimed = claim(session, job.id, "worker-2", lease_s=30)
        assert claimed is not None
        assert claimed.stopping == "finish"
        assert renew_lease(session, job.id, 2, lease_s=30).stopping == "finish"
    with database.write() as session:
        assert succeed(session, job.id, 2, "finish") == Status.SUCCEEDED
    done = stored(database, job)
    assert (done.stopping, done.ended_by) == (None, "finish")


def test_a_cancel_outranks_a_finish_whichever_comes_first(database: Database, settings: Settings) -> None:
    for order in (("finish", "cancel"), ("cancel", "finish")):
        job = running_job(database, settings)
        ask(database, job, *order)
        with database.write() as session:
            assert succeed(session, job.id, 1, "finish") == Status.CANCELLED
        assert stored(database, job).ended_by is None


def test_an_attempt_that_was_pausing_when_the_finish_was_asked_for_leaves_it_to_the_next(
    database: Database, settings: Settings
) -> None:
    job = job_that_is("pause promised", database, settings)
    ask(database, job, "finish")
    with database.write() as session:
        assert stop(session, job.id, 1, "asked") == Status.QUEUED
    assert stored(database, job).stopping == "finish"


def test_a_request_for_a_checkpoint_outlives_an_attempt_and_ends_with_the_job(
    database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    ask(database, job, "checkpoint")
    with database.write() as session:
        asked_at = renew_lease(session, job.id, 1, lease_s=30).checkpoint_asked_at
        assert asked_at is not None
        stop(session, job.id, 1, "drained")
    with database.write() as session:
        claim(session, job.id, "worker-2", lease_s=30)
        assert renew_lease(session, job.id, 2, lease_s=30).checkpoint_asked_at == asked_at
        succeed(session, job.id, 2, "epochs")
    assert stored(database, job).checkpoint_asked_at is None


def test_what_is_not_possible_says_what_would_be(database: Database, settings: Settings) -> None:
    for state, request, hint in (
        ("queued", "finish", "it has not begun; cancel it"),
        ("paused", "finish", "resume it first"),
        ("running", "delete", "cancel it first"),
    ):
        job = job_that_is(state, database, settings)
        with pytest.raises(WrongState, match=hint):
            ask(database, job, request)


def test_a_run_that_ends_at_a_step_has_nothing_of_later_ones(database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    speed = {"learning_rate": 1.0, "grad_norm": None, "tokens_per_s": None}
    with database.write() as session:
        for step, val_loss in ((0, 3.0), (4, 2.0), (9, 1.0)):
            losses = {"train_loss": val_loss, "val_loss": val_loss, "epoch": 1, "tokens_seen": step + 1}
            record_evaluation(session, job.id, 1, {"step": step, **losses, **speed})
            record_sample(session, job.id, 1, {"step": step, "epoch": 1, "prompt": "a", "text": "ab"})
            at = {"step": step + 1, "epoch": 1, "train_loss": 1.0, "val_loss": val_loss}
            files = {"bytes": 1, "sha256": "0", "directory": f"step-{step + 1}"}
            record_checkpoint(session, job.id, 1, {**at, **files}, keep_last=9, keep_best=1)
    with database.write() as session:
        assert forget_later(session, job.id, 1, step=5, epoch=1, tokens_seen=5) == ["step-10"]
    left = stored(database, job)
    assert (left.step, left.tokens_seen) == (5, 5)
    assert (left.latest_step, left.latest_val_loss, left.best_step, left.best_val_loss) == (4, 2.0, 4, 2.0)
    with database.read() as session:
        assert [row.step for row in list_evaluations(session, job.id)] == [0, 4]
        assert [row.step for row in list_samples(session, job.id)] == [0, 4]
        assert [row.step for row in list_checkpoints(session, job.id)] == [1, 5]
    with database.write() as session:
        forget_later(session, job.id, 1, step=0, epoch=0, tokens_seen=0)
    emptied = stored(database, job)
    assert (emptied.latest_step, emptied.best_step, emptied.best_val_loss) == (None, None, None)
