import json

import pytest
from sqlalchemy import delete, select, update

from jobs.files.datasets import DatasetNeeded, delete_dataset
from jobs.files.layout import initial_directory, tokenizer_path
from jobs.files.store import TOKENIZERS, remove_released
from jobs.files.token_counts import stored_counts
from jobs.lifecycle.forking import fork
from jobs.lifecycle.preparation import (
    MAX_FAILURES,
    Superseded,
    claim_preparation,
    describe,
    fail_preparation,
    reap_preparations,
    renew_preparation,
)
from jobs.lifecycle.reaper import messages_to_republish
from jobs.lifecycle.requests import request_cancel
from jobs.lifecycle.starting import post, source_finder
from jobs.lifecycle.tokenizers import TokenizerNeeded, delete_tokenizer, request_tokenizer
from jobs.lifecycle.waiting import waiting_by_job
from jobs.settings import Settings
from jobs.spec.forks import ForkRequest
from jobs.spec.parsing import parse_spec
from jobs.spec.stored_specs import read_spec
from jobs.states import Status
from jobs.store.database import Database, now_s
from jobs.store.events import list_events
from jobs.store.imported_models import get_model, insert_model
from jobs.store.lookup import NotFound, get_job
from jobs.store.preparations import FAILED, QUEUED, READY, Prepared
from jobs.store.tables import Checkpoint, ImportedModel, Job, Preparation, TokenCount, TrainedTokenizer
from jobs.store.tokenizers import get_tokenizer, with_vocabulary
from jobs.validation.field_errors import SpecError
from model.estimate.estimate import estimate
from tests.api.seeds import checkpoint, ended_job
from tests.jobs.checkpoints import resumable_checkpoint
from tests.jobs.making import (
    announce_worker,
    asked_tokenizer,
    long_dataset,
    prepare_all,
    queued_job,
    ready_tokenizer,
    running_job,
)

LEASE_S = 30


def claim_next(database: Database) -> Prepared | None:
    with database.write() as session:
        return claim_preparation(session, "prepare-1", LEASE_S)


def claimed_tokenizer(database: Database) -> TrainedTokenizer:
    claimed = claim_next(database)
    assert isinstance(claimed, TrainedTokenizer)
    return claimed


def tokenizer_now(database: Database, tokenizer: TrainedTokenizer) -> TrainedTokenizer:
    with database.read() as session:
        return get_tokenizer(session, tokenizer.id)


def job_now(database: Database, job: Job) -> Job:
    with database.read() as session:
        return get_job(session, job.id)


def reason(database: Database, job: Job) -> str | None:
    with database.read() as session:
        return waiting_by_job(session, [get_job(session, job.id)], LEASE_S)[job.id].waiting_for


def own_job(database: Database, settings: Settings, tokenizer: TrainedTokenizer, **spec: object) -> Job:
    return queued_job(database, settings, tokenizer=tokenizer.id, model={"context_length": 16}, **spec)


def test_a_tokenizer_waits_until_the_text_that_it_is_trained_on_is_prepared(
    database: Database, settings: Settings
) -> None:
    dataset = long_dataset(database, settings)
    asked = asked_tokenizer(database, settings, dataset.id)
    preparation = claim_next(database)
    assert isinstance(preparation, Preparation)
    assert claim_next(database) is None
    with database.write() as session:
        fail_preparation(session, preparation, "no")
    assert claimed_tokenizer(database).id == asked.id


def test_what_has_waited_longest_is_claimed_first_be_it_a_text_or_a_tokenizer(
    database: Database, settings: Settings
) -> None:
    asked = asked_tokenizer(database, settings)
    long_dataset(database, settings)
    assert claimed_tokenizer(database).id == asked.id
    assert isinstance(claim_next(database), Preparation)
    assert claim_next(database) is None


def test_models_from_outside_stand_in_the_same_line(database: Database, settings: Settings) -> None:
    announce_worker(database, "prepare")
    with database.write() as session:
        model = insert_model(session, "mine", 100, "models/.upload-1")
        assert messages_to_republish(session, LEASE_S) == {"prepare": 1}
    asked = asked_tokenizer(database, settings)
    first = claim_next(database)
    assert isinstance(first, ImportedModel)
    assert first.id == model.id
    assert claimed_tokenizer(database).id == asked.id
    with database.write() as session:
        session.execute(update(ImportedModel).values(lease_expires_at=now_s() - 1, failures=2))
        assert [describe(lost) for lost in reap_preparations(session)] == [
            f"the import of the model {model.id}"
        ]
    with database.read() as session:
        failed = get_model(session, model.id)
    assert (failed.status, failed.upload_directory) == (FAILED, None)


def test_a_worker_that_looks_while_another_claims_takes_what_is_next_of_another_kind(
    database: Database, settings: Settings, backend: str
) -> None:
    asked_tokenizer(database, settings)
    with database.write() as session:
        model = insert_model(session, None, 1, "models/.upload")
    with database.write() as session:
        first = claim_preparation(session, "prepare-1", LEASE_S)
        assert isinstance(first, TrainedTokenizer)
        second = claim_next(database) if backend == "postgresql" else None  # SQLite lets nobody begin
    second = second or claim_next(database)
    assert isinstance(second, ImportedModel)
    assert second.id == model.id


def test_idle_workers_are_told_of_a_tokenizer(database: Database, settings: Settings) -> None:
    announce_worker(database, "prepare")
    with database.read() as session:
        assert messages_to_republish(session, LEASE_S) == {}
    asked_tokenizer(database, settings)
    with database.read() as session:
        assert messages_to_republish(session, LEASE_S) == {"prepare": 1}


def test_a_job_on_a_tokenizer_in_training_waits_and_says_so_and_then_runs(
    database: Database, settings: Settings
) -> None:
    asked = asked_tokenizer(database, settings)
    job = own_job(database, settings, asked)
    assert (job.status, job.is_prepared, job.total_steps) == (Status.QUEUED, False, 0)
    assert reason(database, job) == (
        "its tokenizer is to be trained, and there is no live worker of the queue prepare (none has reported)"
    )
    announce_worker(database, "prepare")
    assert reason(database, job) == "its tokenizer is to be trained"
    claimed = claimed_tokenizer(database)
    with database.write() as session:
        renew_preparation(session, claimed, 0.42, LEASE_S)
    assert reason(database, job) == "its tokenizer is being trained: 42% are done"
    assert claim_next(database) is None, "its text can't be prepared before its tokenizer is there"
    with database.write() as session:
        session.execute(update(TrainedTokenizer).values(lease_expires_at=now_s() - 1))
        reap_preparations(session)
    prepare_all(database, settings)
    prepared = job_now(database, job)
    assert prepared.is_prepared
    assert prepared.total_steps > 0
    with database.read() as session:
        counted = session.get_one(TokenCount, (job.dataset_id, asked.id, 0.9))
    assert counted.train_tokens > counted.val_tokens > 0


def test_a_job_is_estimated_by_the_vocabulary_that_was_asked_for_and_then_by_what_came_out(
    database: Database, settings: Settings
) -> None:
    asked = asked_tokenizer(database, settings, vocab_size=90_000)
    job = own_job(database, settings, asked)
    expected = estimate(read_spec(job.spec).with_vocab_size(90_000), 0)
    assert (job.parameters, job.memory_bytes) == (expected.parameters, expected.memory_bytes)
    prepare_all(database, settings)
    tokenizer, prepared = tokenizer_now(database, asked), job_now(database, job)
    assert tokenizer.vocab_size is not None
    assert 257 < tokenizer.vocab_size < 90_000
    with database.read() as session:
        spec = with_vocabulary(session, read_spec(job.spec))
    assert spec.vocab_size == tokenizer.vocab_size
    assert prepared.parameters == estimate(spec, 0).parameters < job.parameters


def test_each_of_a_jobs_texts_waits_for_the_tokenizer_and_the_job_for_both(
    database: Database, settings: Settings
) -> None:
    asked = asked_tokenizer(database, settings)
    validation = long_dataset(database, settings, "validation")
    job = own_job(database, settings, asked, validation_dataset=validation.id)
    with database.read() as session:
        waiting = set(
            session.scalars(select(Preparation.dataset_id).where(Preparation.tokenizer == asked.id))
        )
    assert waiting == {job.dataset_id, validation.id}
    claimed = claimed_tokenizer(database)
    with database.write() as session:
        session.execute(update(TrainedTokenizer).values(lease_expires_at=now_s() - 1))
        reap_preparations(session)
    assert claimed.id == asked.id
    prepare_all(database, settings)
    prepared = job_now(database, job)
    assert prepared.is_prepared
    assert prepared.total_steps > 0
    with database.read() as session:
        tokens = stored_counts(session, prepared)
        whole = session.get_one(TokenCount, (validation.id, asked.id, 1.0))
    assert tokens is not None
    assert (tokens.val_tokens, whole.val_tokens) == (whole.train_tokens, 0)


def test_a_tokenizer_that_fails_fails_a_job_of_two_texts_once(database: Database, settings: Settings) -> None:
    asked = asked_tokenizer(database, settings)
    job = own_job(database, settings, asked, validation_dataset=long_dataset(database, settings).id)
    claimed = claimed_tokenizer(database)
    with database.write() as session:
        fail_preparation(session, claimed, "no")
    assert job_now(database, job).status == Status.FAILED
    with database.read() as session:
        failures = [event for event in list_events(session, job.id) if event.data.get("status") == "failed"]
        assert len(failures) == 1
        left = session.scalars(select(Preparation.dataset_id).where(Preparation.tokenizer == asked.id))
        assert list(left) == []


def test_a_fork_takes_its_parents_tokenizer_and_the_copy_in_the_checkpoint_and_keeps_both(
    database: Database, settings: Settings
) -> None:
    tokenizer = ready_tokenizer(database, settings)
    parent = running_job(database, settings, tokenizer=tokenizer.id, model={"context_length": 16})
    folder = resumable_checkpoint(database, settings, parent, 2)
    described = json.loads((folder / "checkpoint.json").read_bytes())
    described["files"]["tokenizer.json"] = {"bytes": 2}
    (folder / "checkpoint.json").write_text(json.dumps(described))
    (folder / "tokenizer.json").write_bytes(b"{}")
    child, _ = fork(database, settings, parent.id, ForkRequest())
    started = {"start_from": {"job": parent.id}, "dataset": "sample"}
    other, _ = post(database, settings, parse_spec(started, source_finder(database)))
    for job in (child, other):
        assert (job.spec["tokenizer"], job.parameters) == (tokenizer.id, parent.parameters)
        copy = initial_directory(settings.artifacts, job.id) / "tokenizer.json"
        assert copy.read_bytes() == b"{}"
    with database.write() as session:
        for job in (parent, other):
            session.execute(update(Job).where(Job.id == job.id).values(status=Status.CANCELLED))
        session.execute(delete(Checkpoint))
    with pytest.raises(TokenizerNeeded, match=child.id), database.write() as session:
        delete_tokenizer(session, tokenizer.id)


def test_a_job_on_a_tokenizer_that_is_ready_needs_no_worker_for_a_short_text(
    database: Database, settings: Settings
) -> None:
    job = own_job(database, settings, ready_tokenizer(database, settings))
    assert job.is_prepared
    assert job.total_steps > 0


def test_a_tokenizer_that_fails_fails_the_jobs_that_waited_with_the_reason_and_is_refused_from_then_on(
    database: Database, settings: Settings
) -> None:
    asked = asked_tokenizer(database, settings)
    job = own_job(database, settings, asked)
    claimed = claimed_tokenizer(database)
    with database.write() as session:
        fail_preparation(session, claimed, "the stored text is gone")
    failed, tokenizer = job_now(database, job), tokenizer_now(database, asked)
    message = f"its tokenizer {asked.id} could not be trained: the stored text is gone"
    assert failed.error is not None
    assert (failed.status, failed.error["message"]) == (Status.FAILED, message)
    assert (tokenizer.status, tokenizer.error) == (FAILED, "the stored text is gone")
    assert claim_next(database) is None
    with pytest.raises(SpecError, match=f"tokenizer: the tokenizer {asked.id} could not be trained") as wrong:
        own_job(database, settings, asked)
    assert [error.field for error in wrong.value.errors] == ["tokenizer"]


def test_a_tokenizer_that_workers_die_of_fails_in_the_end(database: Database, settings: Settings) -> None:
    asked = asked_tokenizer(database, settings)
    for _ in range(MAX_FAILURES):
        assert tokenizer_now(database, asked).status == QUEUED
        claimed_tokenizer(database)
        with database.write() as session:
            session.execute(update(TrainedTokenizer).values(lease_expires_at=now_s() - 1))
            reap_preparations(session)
    tokenizer = tokenizer_now(database, asked)
    assert tokenizer.status == FAILED
    assert "3 workers were lost while they prepared it; the last was prepare-1" in str(tokenizer.error)


def test_an_unknown_tokenizer_is_named_beside_an_unknown_data_set(
    database: Database, settings: Settings
) -> None:
    with pytest.raises(SpecError) as wrong:
        queued_job(database, settings, dataset="nowhere", tokenizer="tokenizer-0")
    messages = {error.field: error.message for error in wrong.value.errors}
    assert messages["tokenizer"] == "unknown; gpt2, bytes or the id of one of GET /tokenizers"
    assert messages["dataset"].startswith("unknown; ")


def test_an_unknown_data_set_is_refused(database: Database, settings: Settings) -> None:
    with pytest.raises(SpecError) as wrong:
        request_tokenizer(database, settings, "mine", "nowhere", 300)
    assert [error.field for error in wrong.value.errors] == ["dataset"]


def test_a_data_set_can_be_deleted_once_no_tokenizer_is_trained_on_it_any_more(
    database: Database, settings: Settings
) -> None:
    dataset = long_dataset(database, settings)
    asked = asked_tokenizer(database, settings, dataset.id)
    refusal = pytest.raises(DatasetNeeded, match=f"{asked.id} is being trained on it")
    with refusal, database.write() as session:
        delete_dataset(session, dataset.id)
    prepare_all(database, settings)
    with database.write() as session:
        delete_dataset(session, dataset.id)
    assert tokenizer_now(database, asked).status == READY
    queued_job(database, settings, tokenizer=asked.id, model={"context_length": 16})


def test_a_tokenizer_that_a_job_needs_stays(database: Database, settings: Settings) -> None:
    tokenizer = ready_tokenizer(database, settings)
    needing = running_job(database, settings, tokenizer=tokenizer.id, model={"context_length": 16})
    checkpoint(database, needing, 5)
    refusal = pytest.raises(TokenizerNeeded, match=f"{needing.id} needs it: a tokenizer is kept")
    with refusal, database.write() as session:
        delete_tokenizer(session, tokenizer.id)
    with database.write() as session:
        session.execute(update(Job).where(Job.id == needing.id).values(status=Status.FAILED))
    with pytest.raises(TokenizerNeeded), database.write() as session:  # of its checkpoint
        delete_tokenizer(session, tokenizer.id)
    with database.write() as session:
        session.delete(get_job(session, needing.id))
    fields = {"tokenizer": tokenizer.id, "model": {"context_length": 16}}
    ended_job(database, settings, Status.CANCELLED, **fields)
    with database.write() as session:
        delete_tokenizer(session, tokenizer.id)
    with pytest.raises(NotFound), database.read() as session:
        get_tokenizer(session, tokenizer.id)
    with database.read() as session:
        assert session.scalars(select(TokenCount).where(TokenCount.tokenizer == tokenizer.id)).all() == []


def test_a_tokenizer_that_is_deleted_while_it_is_trained_is_given_up(
    database: Database, settings: Settings
) -> None:
    asked = asked_tokenizer(database, settings)
    job = own_job(database, settings, asked)
    claimed = claimed_tokenizer(database)
    with pytest.raises(TokenizerNeeded), database.write() as session:
        delete_tokenizer(session, asked.id)
    with database.write() as session:
        request_cancel(session, job.id)
    with database.write() as session:
        delete_tokenizer(session, asked.id)
    with pytest.raises(Superseded), database.write() as session:
        renew_preparation(session, claimed, 0.5, LEASE_S)
    with database.read() as session:
        assert session.scalars(select(Preparation)).all() == []


def test_equal_tokenizers_have_one_file_which_goes_with_the_last_of_them(
    database: Database, settings: Settings
) -> None:
    first, second = (ready_tokenizer(database, settings) for _ in range(2))
    assert first.sha256 == second.sha256 is not None
    path = tokenizer_path(settings.artifacts, str(first.sha256))
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    for tokenizer, remains in ((first, True), (second, False)):
        with database.write() as session:
            delete_tokenizer(session, tokenizer.id)
        remove_released(database, settings.artifacts, TOKENIZERS)
        assert path.exists() is remains
