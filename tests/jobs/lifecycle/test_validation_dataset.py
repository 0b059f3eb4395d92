"""Jobs that validate on a text of their own."""

import os
import time
from typing import Any

import pytest
from sqlalchemy import select

from jobs.files.cleanup import UNUSED_TOKENS_S, sweep_tokens
from jobs.files.datasets import DatasetNeeded, delete_dataset, store_dataset
from jobs.files.layout import tokens_path
from jobs.files.token_counts import Counted
from jobs.lifecycle.preparation import claim_preparation, fail_preparation, finish_preparation
from jobs.lifecycle.submission import submit
from jobs.settings import Settings
from jobs.spec.parsing import parse_spec
from jobs.states import Status
from jobs.store.database import Database
from jobs.store.lookup import get_job
from jobs.store.preparations import text_keys
from jobs.store.tables import Dataset, Job, Preparation
from jobs.validation.field_errors import SpecError
from tests.jobs.making import TINY, long_dataset

BYTES = {**TINY, "tokenizer": "bytes"}


def short_dataset(database: Database, settings: Settings, characters: int = 500) -> Dataset:
    text = "The tide came in.\n" * 1000
    return store_dataset(database, settings, f"short {characters}", text[:characters].encode())[0]


def post(database: Database, settings: Settings, **spec: Any) -> Job:
    return submit(database, settings, parse_spec({**BYTES, **spec}))[0]


def errors_of(database: Database, settings: Settings, **spec: Any) -> dict[str, str]:
    with pytest.raises(SpecError) as wrong:
        post(database, settings, **spec)
    return {error.field: error.message for error in wrong.value.errors}


def claimed(database: Database, dataset: Dataset) -> Preparation:
    """The preparation of all of that data set; others that waited longer are claimed too."""
    while True:
        with database.write() as session:
            preparation = claim_preparation(session, "prepare-1", 30)
        assert preparation is not None
        if (preparation.dataset_id, preparation.train_ratio) == (dataset.id, 1.0):
            return preparation


def finish(database: Database, settings: Settings, preparation: Preparation, tokens: int) -> None:
    with database.write() as session:
        finish_preparation(session, preparation, Counted({"train": tokens, "validation": 0}), settings)


def job_now(database: Database, job: Job) -> Job:
    with database.read() as session:
        return get_job(session, job.id)


def test_all_of_the_data_set_is_trained_on(database: Database, settings: Settings) -> None:
    whole, own = (short_dataset(database, settings, characters) for characters in (6401, 500))
    split = post(database, settings, dataset=whole.id)
    job = post(database, settings, dataset=whole.id, validation_dataset=own.id)
    assert (job.dataset_id, job.validation_dataset_id, split.validation_dataset_id) == (
        whole.id,
        own.id,
        None,
    )
    assert job.spec["training"]["train_ratio"] is None
    assert job.is_prepared
    assert job.total_steps == 100 // 2 * 3
    assert split.total_steps < job.total_steps
    assert text_keys(job) == [(whole.id, "bytes", 1.0), (own.id, "bytes", 1.0)]


def test_a_text_to_validate_on_that_is_shorter_than_a_window_is_refused(
    database: Database, settings: Settings
) -> None:
    own = short_dataset(database, settings, 64)
    message = errors_of(database, settings, validation_dataset=own.id)["model.context_length"]
    assert f"{own.id} 64 to validate on; the largest context that fits is 63" in message


def test_both_data_sets_that_are_not_there_are_named(database: Database, settings: Settings) -> None:
    found = errors_of(database, settings, dataset="nobody", validation_dataset="nothing")
    assert found.keys() == {"dataset", "validation_dataset"}


def test_the_same_text_may_be_both(database: Database, settings: Settings) -> None:
    job = post(database, settings, validation_dataset="sample")
    assert (job.dataset_id, job.validation_dataset_id) == ("sample", "sample")


def test_a_job_waits_for_both_texts(database: Database, settings: Settings) -> None:
    one, other = (long_dataset(database, settings, name) for name in ("one", "other"))
    job = post(database, settings, dataset=one.id, validation_dataset=other.id)
    assert not job.is_prepared
    first, second = claimed(database, one), claimed(database, other)
    finish(database, settings, second, tokens=10_000)
    assert not job_now(database, job).is_prepared
    finish(database, settings, first, tokens=64 * 100 + 1)
    prepared = job_now(database, job)
    assert (prepared.is_prepared, prepared.total_steps) == (True, 150)
    with database.read() as session:
        assert not [row for row in session.scalars(select(Preparation)) if row.tokenizer == "bytes"]


def test_what_the_text_to_validate_on_rules_out_fails_the_job_when_both_are_counted(
    database: Database, settings: Settings
) -> None:
    own = long_dataset(database, settings)
    job = post(database, settings, validation_dataset=own.id)
    assert not job.is_prepared
    finish(database, settings, claimed(database, own), tokens=10)
    failed = job_now(database, job)
    assert failed.status == Status.FAILED
    assert failed.error is not None
    assert "10 to validate on; the largest context that fits is 9" in failed.error["message"]


def test_a_text_to_validate_on_that_can_not_be_prepared_fails_the_job(
    database: Database, settings: Settings
) -> None:
    own = long_dataset(database, settings)
    job = post(database, settings, validation_dataset=own.id)
    preparation = claimed(database, own)
    with database.write() as session:
        fail_preparation(session, preparation, "it is damaged")
    assert job_now(database, job).status == Status.FAILED


def test_the_text_to_validate_on_can_not_be_deleted_and_keeps_its_tokens(
    database: Database, settings: Settings
) -> None:
    own = short_dataset(database, settings)
    job = post(database, settings, validation_dataset=own.id)
    with pytest.raises(DatasetNeeded, match=job.id), database.write() as session:
        delete_dataset(session, own.id)
    file = tokens_path(settings.artifacts, own.sha256, "bytes", 1.0)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"")
    old = time.time() - UNUSED_TOKENS_S - 1
    os.utime(file, (old, old))
    sweep_tokens(database, settings.artifacts)
    assert file.exists()
