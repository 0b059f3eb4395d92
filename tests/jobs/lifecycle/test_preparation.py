from typing import Any

import pytest
from sqlalchemy import select, update

from jobs.files.token_counts import Counted
from jobs.lifecycle.attempts import claim
from jobs.lifecycle.preparation import (
    MAX_FAILURES,
    Superseded,
    claim_preparation,
    fail_preparation,
    finish_preparation,
    postpone_preparation,
    reap_preparations,
    release_preparation,
    renew_preparation,
)
from jobs.lifecycle.reaper import messages_to_republish
from jobs.lifecycle.requests import request_cancel
from jobs.lifecycle.waiting import waiting_by_job
from jobs.settings import Settings
from jobs.states import Status
from jobs.store.database import Database, now_s
from jobs.store.events import list_events
from jobs.store.lookup import get_job
from jobs.store.preparations import FAILED, QUEUED, request_preparation
from jobs.store.queue_order import first_in_line
from jobs.store.tables import Job, Preparation, TokenCount
from jobs.store.viewers import Right, Viewer, viewed_by
from jobs.validation.field_errors import SpecError
from tests.jobs.making import announce_worker, long_dataset, queued_job, unprepared_job

COUNTS = Counted({"train": 100_000, "validation": 10_000}, vocab_size=257, used_tokens=60)
LEASE_S = 30


def claimed_preparation(
    database: Database, tokenizer: str = "bytes", worker: str = "prepare-1"
) -> Preparation:
    """That of this tokenizer; others that waited longer are claimed too."""
    while True:
        with database.write() as session:
            claimed = claim_preparation(session, worker, LEASE_S)
        assert claimed is not None
        if claimed.tokenizer == tokenizer:
            return claimed


def preparations(database: Database, tokenizer: str = "bytes") -> list[Preparation]:
    with database.read() as session:
        return list(session.scalars(select(Preparation).where(Preparation.tokenizer == tokenizer)))


def job_now(database: Database, job: Job) -> Job:
    with database.read() as session:
        return get_job(session, job.id)


def expire_leases(database: Database) -> None:
    with database.write() as session:
        session.execute(update(Preparation).values(lease_expires_at=now_s() - 1))


def may_be_claimed(database: Database) -> str | None:
    with database.read() as session:
        return session.scalar(select(first_in_line("train", None)))


def test_a_job_on_a_long_text_waits_until_it_is_prepared_and_then_has_its_steps(
    database: Database, settings: Settings
) -> None:
    job = unprepared_job(database, settings, long_dataset(database, settings), training={"num_epochs": 1})
    assert (job.status, job.is_prepared, job.total_steps) == (Status.QUEUED, False, 0)
    assert may_be_claimed(database) is None
    claimed = claimed_preparation(database)
    with database.write() as session:
        finish_preparation(session, claimed, COUNTS, settings)
    prepared = job_now(database, job)
    windows = (COUNTS.by_split["train"] - 64 - 1) // 64 + 1
    assert (prepared.is_prepared, prepared.total_steps) == (
        True,
        windows // job.spec["training"]["batch_size"],
    )
    assert may_be_claimed(database) == job.id
    assert preparations(database) == []
    with database.read() as session:
        counted = session.get_one(TokenCount, (job.dataset_id, "bytes", 0.9))
        assert (counted.train_tokens, counted.val_tokens) == (100_000, 10_000)
        assert (counted.vocab_size, counted.used_tokens, counted.longest_document_tokens) == (257, 60, None)


def test_a_short_text_is_counted_at_once(database: Database, settings: Settings) -> None:
    job = queued_job(database, settings)
    assert job.is_prepared
    with database.read() as session:
        assert session.scalars(select(Preparation)).all() == []


def test_jobs_of_one_text_and_tokenizer_wait_for_one_preparation_and_others_go_by(
    database: Database, settings: Settings
) -> None:
    dataset = long_dataset(database, settings)
    first, second = (unprepared_job(database, settings, dataset) for _ in range(2))
    other_split = unprepared_job(database, settings, dataset, training={"train_ratio": 0.5})
    short = queued_job(database, settings)
    assert len(preparations(database)) == 2
    assert may_be_claimed(database) == short.id
    claimed = claimed_preparation(database)
    assert claimed.train_ratio == 0.9
    with database.write() as session:
        finish_preparation(session, claimed, COUNTS, settings)
    prepared = [job_now(database, job).is_prepared for job in (first, second, other_split)]
    assert prepared == [True, True, False]


def test_what_the_text_rules_out_fails_the_job_with_what_post_would_have_said(
    database: Database, settings: Settings
) -> None:
    dataset = long_dataset(database, settings)
    greedy = unprepared_job(database, settings, dataset, training={"batch_size": 6_000})
    modest = unprepared_job(database, settings, dataset)
    claimed = claimed_preparation(database)
    with database.write() as session:
        finish_preparation(session, claimed, COUNTS, settings)
    failed = job_now(database, greedy)
    assert failed.status == Status.FAILED
    assert failed.error is not None
    assert (failed.error["type"], failed.error["retryable"]) == ("bad_dataset", False)
    assert "training.batch_size: the training text has 1,562 windows of 64 tokens" in failed.error["message"]
    assert failed.finished_at is not None
    with database.read() as session:
        assert [event.data["status"] for event in list_events(session, greedy.id)] == ["queued", "failed"]
    assert job_now(database, modest).is_prepared


def test_checkpoints_that_the_owner_has_no_room_for_fail_the_job_with_what_post_would_have_said(
    database: Database, settings: Settings
) -> None:
    dataset = long_dataset(database, settings)
    limited = settings.model_copy(update={"max_stored_bytes": 100_000})
    with viewed_by(Viewer(Right.WRITE, owner="ana")):
        owned = unprepared_job(database, limited, dataset)
    nobodys = unprepared_job(database, limited, dataset)
    claimed = claimed_preparation(database)
    with database.write() as session:
        finish_preparation(session, claimed, COUNTS, limited)
    failed = job_now(database, owned)
    assert failed.status == Status.FAILED
    assert failed.error is not None
    assert failed.error["message"].startswith("checkpoints: its checkpoints need about ")
    assert "PRETRAIN_MAX_STORED_BYTES" in failed.error["message"]
    assert job_now(database, nobodys).is_prepared
    with viewed_by(Viewer(Right.WRITE, owner="ana")), pytest.raises(SpecError) as refused:
        unprepared_job(database, limited, dataset)
    assert [f"{error.field}: {error.message}" for error in refused.value.errors] == [failed.error["message"]]


def test_a_cancelled_job_stays_cancelled_when_its_text_is_prepared(
    database: Database, settings: Settings
) -> None:
    job = unprepared_job(database, settings, long_dataset(database, settings))
    claimed = claimed_preparation(database)
    with database.write() as session:
        request_cancel(session, job.id)
    with database.write() as session:
        finish_preparation(session, claimed, COUNTS, settings)
    assert job_now(database, job).status == Status.CANCELLED


def test_a_text_that_cannot_be_prepared_fails_its_jobs_and_is_tried_again_for_the_next(
    database: Database, settings: Settings
) -> None:
    dataset = long_dataset(database, settings)
    job = unprepared_job(database, settings, dataset)
    claimed = claimed_preparation(database)
    with database.write() as session:
        fail_preparation(session, claimed, "the stored text is gone")
    failed = job_now(database, job)
    assert failed.error is not None
    assert (failed.status, failed.error["message"]) == (Status.FAILED, "the stored text is gone")
    (preparation,) = preparations(database)
    assert (preparation.status, preparation.error) == (FAILED, "the stored text is gone")
    again = unprepared_job(database, settings, dataset)
    (preparation,) = preparations(database)
    assert (preparation.status, preparation.error) == (QUEUED, None)
    assert job_now(database, again).status == Status.QUEUED


def test_a_claim_that_was_given_up_changes_nothing(database: Database, settings: Settings) -> None:
    job = unprepared_job(database, settings, long_dataset(database, settings))
    lost = claimed_preparation(database)
    expire_leases(database)
    with database.write() as session:
        assert lost.dataset_id in {reaped.dataset_id for reaped in reap_preparations(session)}
    current = claimed_preparation(database, worker="prepare-2")
    writes: list[Any] = [
        lambda session: renew_preparation(session, lost, 0.5, LEASE_S),
        lambda session: finish_preparation(session, lost, COUNTS, settings),
        lambda session: fail_preparation(session, lost, "no"),
        lambda session: release_preparation(session, lost),
        lambda session: postpone_preparation(session, lost, "no", 1),
    ]
    for write in writes:
        with pytest.raises(Superseded), database.write() as session:
            write(session)
    (preparation,) = preparations(database)
    assert (preparation.worker, preparation.attempt) == ("prepare-2", current.attempt)
    assert not job_now(database, job).is_prepared


def test_a_renewed_lease_is_not_reaped(database: Database, settings: Settings) -> None:
    unprepared_job(database, settings, long_dataset(database, settings))
    claimed = claimed_preparation(database)
    expire_leases(database)
    with database.write() as session:
        renew_preparation(session, claimed, 0.25, LEASE_S)
        assert all(reaped.tokenizer != "bytes" for reaped in reap_preparations(session))
    (preparation,) = preparations(database)
    assert preparation.fraction == 0.25


def test_a_text_that_workers_die_of_fails_in_the_end(database: Database, settings: Settings) -> None:
    job = unprepared_job(database, settings, long_dataset(database, settings))
    for _ in range(MAX_FAILURES):
        assert job_now(database, job).status == Status.QUEUED
        claimed_preparation(database)
        expire_leases(database)
        with database.write() as session:
            reap_preparations(session)
    failed = job_now(database, job)
    assert failed.error is not None
    assert failed.status == Status.FAILED
    assert "3 workers were lost while they prepared it; the last was prepare-1" in failed.error["message"]


def test_a_worker_that_shuts_down_hands_it_back_and_counts_no_failure(
    database: Database, settings: Settings
) -> None:
    unprepared_job(database, settings, long_dataset(database, settings))
    claimed = claimed_preparation(database)
    with database.write() as session:
        release_preparation(session, claimed)
    (preparation,) = preparations(database)
    assert (preparation.status, preparation.failures, preparation.worker) == (QUEUED, 0, None)


def test_what_is_postponed_waits_and_says_why(database: Database, settings: Settings) -> None:
    job = unprepared_job(database, settings, long_dataset(database, settings))
    claimed = claimed_preparation(database)
    with database.write() as session:
        postpone_preparation(session, claimed, "No space left on device", 3600)
        assert claim_preparation(session, "prepare-1", LEASE_S) is None
    assert reason(database, job) == (
        "its data set could not be prepared yet, and is tried again: No space left on device"
    )
    with database.write() as session:
        session.execute(update(Preparation).values(queued_at=now_s() - 1))
    claimed_preparation(database)


def reason(database: Database, job: Job) -> str | None:
    with database.read() as session:
        return waiting_by_job(session, [get_job(session, job.id)], LEASE_S)[job.id].waiting_for


def test_a_job_says_how_far_its_text_is(database: Database, settings: Settings) -> None:
    job = unprepared_job(database, settings, long_dataset(database, settings))
    assert reason(database, job) == (
        "its data set is to be prepared, and there is no live worker of the queue prepare (none has reported)"
    )
    announce_worker(database, "prepare")
    assert reason(database, job) == "its data set is to be prepared"
    claimed = claimed_preparation(database)
    with database.write() as session:
        renew_preparation(session, claimed, 0.42, LEASE_S)
    assert reason(database, job) == "its data set is being prepared: 42% are tokenised"


def test_idle_workers_are_told_of_texts_to_prepare(database: Database, settings: Settings) -> None:
    announce_worker(database, "prepare")
    with database.read() as session:
        assert messages_to_republish(session, LEASE_S) == {}
    long_dataset(database, settings)
    with database.read() as session:
        assert messages_to_republish(session, LEASE_S) == {"prepare": 1}


def test_an_unprepared_job_makes_no_idle_training_worker_look_hung(
    database: Database, settings: Settings
) -> None:
    unprepared_job(database, settings, long_dataset(database, settings))
    announce_worker(database, "train", state_age_s=100, age_s=100)
    with database.write() as session:
        session.execute(update(Job).values(queued_at=now_s() - 100))
        assert messages_to_republish(session, LEASE_S) == {}


def test_a_claimed_job_is_one_that_is_prepared(database: Database, settings: Settings) -> None:
    job = unprepared_job(database, settings, long_dataset(database, settings))
    with database.write() as session:
        assert claim(session, first_in_line("train", None), "train-1", LEASE_S) is None
        request_preparation(session, job.dataset_id, "bytes", 0.9)  # a repeat changes nothing
    assert len(preparations(database)) == 1
