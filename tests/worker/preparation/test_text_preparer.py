import errno
import threading
from collections.abc import Callable

import pytest
from sqlalchemy import select

from jobs.files.layout import dataset_path, tokens_directory
from jobs.lifecycle.preparation import claim_preparation, reap_preparations
from jobs.settings import Settings
from jobs.states import Status
from jobs.store.database import Database, now_s
from jobs.store.lookup import get_job
from jobs.store.preparations import QUEUED
from jobs.store.tables import Dataset, Job, Preparation, TokenCount
from model.storage.token_file import Manifest
from tests.jobs.making import long_dataset, unprepared_job
from worker.preparation.text_preparer import TextPreparer

LEASE_S = 30


@pytest.fixture
def dataset(database: Database, settings: Settings) -> Dataset:
    return long_dataset(database, settings)


@pytest.fixture
def job(database: Database, settings: Settings, dataset: Dataset) -> Job:
    return unprepared_job(database, settings, dataset)


def claimed(database: Database) -> Preparation:
    """The one of the tokenizer `bytes`."""
    while True:
        with database.write() as session:
            preparation = claim_preparation(session, "prepare-1", LEASE_S)
        assert preparation is not None
        if preparation.tokenizer == "bytes":
            return preparation


def run(database: Database, settings: Settings, preparation: Preparation) -> None:
    TextPreparer(database, settings, preparation, threading.Event()).run()


def left(database: Database) -> list[Preparation]:
    with database.read() as session:
        return list(session.scalars(select(Preparation).where(Preparation.tokenizer == "bytes")))


def test_a_prepared_text_has_a_token_file_and_counts_and_its_job_may_run(
    database: Database, settings: Settings, dataset: Dataset, job: Job
) -> None:
    run(database, settings, claimed(database))
    with database.read() as session:
        counted = session.get_one(TokenCount, (dataset.id, "bytes", 0.9))
        assert get_job(session, job.id).is_prepared
    assert counted.train_tokens + counted.val_tokens == dataset.bytes
    (file,) = tokens_directory(settings.artifacts).iterdir()
    assert file.name == f"{dataset.sha256}-bytes-0.9.tokens"
    assert left(database) == []


def test_a_second_preparation_writes_the_same_file(
    database: Database, settings: Settings, dataset: Dataset, job: Job
) -> None:
    run(database, settings, claimed(database))
    (file,) = tokens_directory(settings.artifacts).iterdir()
    content = file.read_bytes()
    file.unlink()
    assert not unprepared_job(database, settings, dataset).is_prepared
    run(database, settings, claimed(database))
    assert file.read_bytes() == content
    assert unprepared_job(database, settings, dataset).is_prepared


def test_a_text_that_is_gone_fails_its_jobs(
    database: Database, settings: Settings, dataset: Dataset, job: Job
) -> None:
    dataset_path(settings.artifacts, dataset.sha256).unlink()
    run(database, settings, claimed(database))
    with database.read() as session:
        failed = get_job(session, job.id)
    assert failed.status == Status.FAILED
    assert failed.error is not None
    assert f"the stored text of the data set {dataset.id}" in failed.error["message"]


def test_a_full_disk_postpones_it_and_leaves_nothing_behind(
    database: Database, settings: Settings, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(*_: object, **__: object) -> Manifest:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("worker.preparation.text_preparer.ensure_tokens", no_space)
    run(database, settings, claimed(database))
    (preparation,) = left(database)
    assert (preparation.status, preparation.error) == (QUEUED, "No space left on device")
    with database.read() as session:
        assert preparation.queued_at > session.execute(select(now_s())).scalar_one() + 30
        assert get_job(session, job.id).status == Status.QUEUED


@pytest.mark.usefixtures("job")
def test_a_worker_that_shuts_down_stops_at_the_next_chunk(database: Database, settings: Settings) -> None:
    shutting_down = threading.Event()
    shutting_down.set()
    TextPreparer(database, settings, claimed(database), shutting_down).run()
    (preparation,) = left(database)
    assert (preparation.status, preparation.failures) == (QUEUED, 0)
    assert not any(tokens_directory(settings.artifacts).glob("*"))


def during_preparation(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Have `act` called in the middle of a preparation, before it gets on."""

    def interrupted(*_: object, on_progress: Callable[[], object], **__: object) -> Manifest:
        act()
        on_progress()
        raise AssertionError("it went on")

    monkeypatch.setattr("worker.preparation.text_preparer.ensure_tokens", interrupted)


@pytest.mark.usefixtures("job")
def test_a_worker_whose_lease_has_run_out_stops_and_leaves_it_to_the_next(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = claimed(database)

    def lose() -> None:
        with database.write() as session:
            owned = session.get_one(Preparation, (lost.dataset_id, lost.tokenizer, lost.train_ratio))
            owned.lease_expires_at = 0.0
        with database.write() as session:
            reap_preparations(session)

    during_preparation(monkeypatch, lose)
    run(database, settings.model_copy(update={"renew_s": 0.0}), lost)
    (preparation,) = left(database)
    assert (preparation.status, preparation.failures) == (QUEUED, 1)


@pytest.mark.usefixtures("job")
def test_it_renews_its_lease_by_getting_on_and_says_how_far_it_is(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    fractions: list[float] = []

    def note(*_: object, **__: object) -> None:
        (preparation,) = left(database)
        fractions.append(preparation.fraction)

    monkeypatch.setattr("model.storage.splits.CHUNK_BYTES", 2**14)
    monkeypatch.setattr("worker.preparation.text_preparer.finish_preparation", note)
    run(database, settings.model_copy(update={"renew_s": 0.0}), claimed(database))
    assert fractions == [1.0]
