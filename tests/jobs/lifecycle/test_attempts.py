import threading

import pytest
from sqlalchemy import select

from jobs.lifecycle.attempts import Fenced, claim, end, fail, renew_lease, stop, succeed
from jobs.lifecycle.checkpoints import record_checkpoint
from jobs.lifecycle.requests import request_cancel
from jobs.settings import Settings
from jobs.states import Status, WrongState, job_error
from jobs.store.database import Database, now_s
from jobs.store.events import list_events
from jobs.store.lookup import NotFound, get_job
from jobs.store.tables import Job
from tests.jobs.making import queued_job, running_job

CRASH = job_error("internal", "boom", 1)


def stored(database: Database, job: Job) -> Job:
    with database.read() as session:
        return get_job(session, job.id)


def test_a_claim_makes_the_next_attempt_with_a_lease_by_the_databases_clock(
    database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    with database.read() as session:
        left = (job.lease_expires_at or 0) - session.execute(select(now_s())).scalar_one()
    assert (job.status, job.attempt, job.worker) == (Status.RUNNING, 1, "worker-1")
    assert 0 < left <= 30


def test_of_ten_claims_at_once_one_succeeds(database: Database, settings: Settings) -> None:
    job = queued_job(database, settings)
    claims: list[Job | None] = []

    def run(worker: str) -> None:
        with database.write() as session:
            claims.append(claim(session, job.id, worker, lease_s=30))

    threads = [threading.Thread(target=run, args=(f"worker-{n}",)) for n in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claims) == 10
    assert sum(claimed is not None for claimed in claims) == 1
    assert stored(database, job).attempt == 1


def test_an_older_attempt_is_fenced_and_changes_nothing(database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    with database.write() as session:
        stop(session, job.id, 1, "drained")
    with database.write() as session:
        claim(session, job.id, "worker-2", lease_s=30)
    before = stored(database, job)
    for write in (
        lambda session: renew_lease(session, job.id, 1, 30),
        lambda session: succeed(session, job.id, 1, "epochs"),
        lambda session: end(session, job.id, 1, Status.FAILED, CRASH),
        lambda session: fail(session, job.id, 1, CRASH),
        lambda session: stop(session, job.id, 1, "late"),
    ):
        with pytest.raises(Fenced), database.write() as session:
            write(session)
    after = stored(database, job)
    assert (after.status, after.attempt, after.worker) == (Status.RUNNING, 2, "worker-2")
    assert after.lease_expires_at == before.lease_expires_at


def test_a_crash_requeues_until_max_attempts_crashes_in_a_row(database: Database, settings: Settings) -> None:
    job = running_job(database, settings, max_attempts=2)
    with database.write() as session:
        assert fail(session, job.id, 1, CRASH) == Status.QUEUED
    with database.write() as session:
        claim(session, job.id, "worker-1", lease_s=30)
    with database.write() as session:
        assert fail(session, job.id, 2, {**CRASH, "attempt": 2}) == Status.FAILED
    failed = stored(database, job)
    assert failed.error == {**CRASH, "attempt": 2}
    assert failed.finished_at is not None


def test_a_full_disk_pauses_the_job_says_that_another_attempt_may_go_better_and_counts_no_failure(
    database: Database, settings: Settings
) -> None:
    job = running_job(database, settings, max_attempts=1)
    full = job_error("disk_full", "no space left", 1)
    with database.write() as session:
        assert fail(session, job.id, 1, full) == Status.PAUSED
    paused = stored(database, job)
    assert (paused.error, paused.failures) == ({**full, "retryable": True}, 0)


def test_a_new_checkpoint_counts_crashes_anew(database: Database, settings: Settings) -> None:
    job = running_job(database, settings, max_attempts=2)
    with database.write() as session:
        fail(session, job.id, 1, CRASH)
    with database.write() as session:
        claim(session, job.id, "worker-1", lease_s=30)
    row = {
        "step": 5,
        "epoch": 1,
        "train_loss": 1.0,
        "val_loss": 1.0,
        "bytes": 1,
        "sha256": "0",
        "directory": "d",
    }
    with database.write() as session:
        record_checkpoint(session, job.id, 2, row, keep_last=1, keep_best=1)
    with database.write() as session:
        assert fail(session, job.id, 2, CRASH) == Status.QUEUED


def test_a_queued_job_is_cancelled_at_once_and_a_running_one_is_asked_to_stop(
    database: Database, settings: Settings
) -> None:
    queued, running = queued_job(database, settings), running_job(database, settings)
    with database.write() as session:
        assert request_cancel(session, queued.id).status == Status.CANCELLED
    with database.write() as session:
        asked = request_cancel(session, running.id)
        assert (asked.status, asked.stopping) == (Status.RUNNING, "cancel")
    with database.write() as session:
        assert renew_lease(session, running.id, 1, 30).stopping == "cancel"


def test_cancelling_again_changes_nothing(database: Database, settings: Settings) -> None:
    job = queued_job(database, settings)
    for _ in range(2):
        with database.write() as session:
            assert request_cancel(session, job.id).status == Status.CANCELLED
    with database.read() as session:
        assert [event.data["status"] for event in list_events(session, job.id)] == ["queued", "cancelled"]


def test_a_finished_job_cannot_be_cancelled(database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    with database.write() as session:
        succeed(session, job.id, 1, "epochs")
    with pytest.raises(WrongState, match="is succeeded"), database.write() as session:
        request_cancel(session, job.id)


def test_cancelling_an_unknown_job_is_not_found(database: Database) -> None:
    with pytest.raises(NotFound), database.write() as session:
        request_cancel(session, "job-none")


def test_a_job_that_finishes_after_a_cancel_was_promised_is_cancelled(
    database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    with database.write() as session:
        request_cancel(session, job.id)
    with database.write() as session:
        assert succeed(session, job.id, 1, "epochs") == Status.CANCELLED
    done = stored(database, job)
    assert (done.stopping, done.ended_by) == (None, None)


def test_what_a_job_ended_by_is_known_once_it_has_succeeded(database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    assert stored(database, job).ended_by is None
    with database.write() as session:
        assert succeed(session, job.id, 1, "early_stopping") == Status.SUCCEEDED
    assert stored(database, job).ended_by == "early_stopping"
    with database.read() as session:
        data = list_events(session, job.id)[-1].data
    assert data == {"status": "succeeded", "ended_by": "early_stopping"}


def test_a_crash_after_a_cancel_was_promised_ends_in_cancelled(
    database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    with database.write() as session:
        request_cancel(session, job.id)
    with database.write() as session:
        assert fail(session, job.id, 1, CRASH) == Status.CANCELLED
