import errno
import os
import signal
import threading
from pathlib import Path

import pytest
from sqlalchemy import select

from jobs.files.datasets import get_dataset
from jobs.files.layout import dataset_path, tokenizers_directory
from jobs.files.store import TOKENIZERS, remove_released
from jobs.files.tokenizers import find_tokenizer
from jobs.lifecycle.preparation import claim_preparation, reap_preparations
from jobs.lifecycle.tokenizers import delete_tokenizer
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.preparations import FAILED, QUEUED, READY
from jobs.store.tables import TokenizerRemoval, TrainedTokenizer
from jobs.store.tokenizers import get_tokenizer
from model.bpe.tokenizer_json import trained_tokenizer
from model.bpe.training import train_merges
from model.tokenizers import load_tokenizer
from tests.jobs.making import asked_tokenizer, prepare_all, ready_tokenizer
from tests.worker.preparation.processes import started
from worker.preparation.tokenizer_preparer import TokenizerPreparer

QUICK = {"renew_s": 0.0}


def claimed(database: Database) -> TrainedTokenizer:
    with database.write() as session:
        found = claim_preparation(session, "prepare-1", 30)
    assert isinstance(found, TrainedTokenizer)
    return found


def run(database: Database, settings: Settings, tokenizer: TrainedTokenizer) -> None:
    TokenizerPreparer(database, settings, tokenizer, threading.Event()).run()


def now(database: Database, tokenizer: TrainedTokenizer) -> TrainedTokenizer:
    with database.read() as session:
        return get_tokenizer(session, tokenizer.id)


def files(settings: Settings) -> list[Path]:
    folder = tokenizers_directory(settings.artifacts)
    return list(folder.iterdir()) if folder.exists() else []


def test_a_trained_tokenizer_is_that_of_its_text_measured_on_it_beside_gpt2s(
    database: Database, settings: Settings
) -> None:
    tokenizer = ready_tokenizer(database, settings, vocab_size=500)
    with database.read() as session:
        dataset = get_dataset(session, "sample")
    path = dataset_path(settings.artifacts, dataset.sha256)
    expected = load_tokenizer(
        "expected", trained_tokenizer(train_merges(path, dataset.text_start_bytes, 500))
    )
    found = find_tokenizer(database, settings, tokenizer.id)
    text = path.read_text()
    assert (tokenizer.status, tokenizer.vocab_size, found.name) == (READY, 500, tokenizer.id)
    assert found.encode(text) == expected.encode(text)
    assert tokenizer.measured_bytes == dataset.bytes
    for count, by in (
        (tokenizer.measured_tokens, found),
        (tokenizer.measured_gpt2_tokens, load_tokenizer("gpt2")),
    ):
        assert count is not None
        # The split that a job would make is one more boundary.
        assert 0 <= count - len(by.encode(text)) <= 2


def test_a_second_training_gives_the_same_file(database: Database, settings: Settings) -> None:
    first = ready_tokenizer(database, settings)
    (file,) = files(settings)
    content = file.read_bytes()
    file.unlink()
    assert ready_tokenizer(database, settings).sha256 == first.sha256
    assert file.read_bytes() == content


def test_a_text_that_is_gone_fails_it_with_the_reason(database: Database, settings: Settings) -> None:
    asked = asked_tokenizer(database, settings)
    dataset_path(settings.artifacts, asked.dataset_sha256).unlink()
    run(database, settings, claimed(database))
    failed = now(database, asked)
    assert failed.status == FAILED
    assert "the stored text of the data set sample" in str(failed.error)


def test_a_full_disk_postpones_it_and_leaves_nothing_behind(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asked_tokenizer(database, settings)

    def no_space(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_space)
    run(database, settings, claimed(database))
    monkeypatch.undo()
    waiting = now(database, asked)
    assert (waiting.status, waiting.error) == (QUEUED, "No space left on device")
    assert files(settings) == []
    with database.write() as session:
        session.get_one(TrainedTokenizer, asked.id).queued_at = 0.0
    prepare_all(database, settings)
    done = now(database, asked)
    assert (done.status, done.error) == (READY, None)
    with database.read() as session:
        assert session.scalars(select(TokenizerRemoval)).all() == []


def test_a_worker_that_shuts_down_hands_it_back_and_ends_the_process(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asked_tokenizer(database, settings)
    shutting_down, processes = threading.Event(), started(monkeypatch, lambda _: shutting_down.set())
    TokenizerPreparer(database, settings, claimed(database), shutting_down).run()
    back = now(database, asked)
    assert (back.status, back.failures, back.worker) == (QUEUED, 0, None)
    assert [process.poll() is not None for process in processes] == [True]


def test_a_process_that_is_killed_is_tried_again_and_fails_the_third_time(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asked_tokenizer(database, settings)
    started(monkeypatch, lambda process: process.send_signal(signal.SIGKILL))
    for failures in (1, 2):
        run(database, settings, claimed(database))
        lost = now(database, asked)
        assert (lost.status, lost.failures) == (QUEUED, failures)
    run(database, settings, claimed(database))
    failed = now(database, asked)
    assert failed.status == FAILED
    assert failed.error == "the process that trained it was killed by signal 9"
    assert files(settings) == []


def test_a_process_that_hangs_is_ended(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asked_tokenizer(database, settings)
    processes = started(monkeypatch, lambda _: None, goes_on=False)
    impatient = settings.model_copy(update={"renew_s": 0.1, "lease_s": 0.5})
    run(database, impatient, claimed(database))
    assert now(database, asked).failures == 1
    assert processes[0].returncode == -signal.SIGKILL


def test_a_worker_whose_lease_has_run_out_stops_and_leaves_it_to_the_next(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asked_tokenizer(database, settings)

    def lose(_: object) -> None:
        with database.write() as session:
            session.get_one(TrainedTokenizer, asked.id).lease_expires_at = 0.0
        with database.write() as session:
            reap_preparations(session)

    processes = started(monkeypatch, lose)
    run(database, settings.model_copy(update=QUICK), claimed(database))
    given_back = now(database, asked)
    assert (given_back.status, given_back.failures) == (QUEUED, 1)
    assert processes[0].poll() is not None
    assert files(settings) == []


def test_a_tokenizer_that_is_deleted_meanwhile_leaves_no_file(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asked_tokenizer(database, settings)

    def remove(_: object) -> None:
        with database.write() as session:
            delete_tokenizer(session, asked.id)

    started(monkeypatch, remove)
    run(database, settings, claimed(database))
    remove_released(database, settings.artifacts, TOKENIZERS)
    assert files(settings) == []
    with database.read() as session:
        assert session.scalars(select(TrainedTokenizer)).all() == []
        assert session.scalars(select(TokenizerRemoval)).all() == []
