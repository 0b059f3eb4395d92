"""What a trainer does around the training itself."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import update

from jobs.files.arriving_text import BadText
from jobs.files.datasets import store_dataset
from jobs.files.layout import checkpoint_root, initial_directory, tokenizer_path, tokens_directory
from jobs.files.tokenizers import TokenizerLost
from jobs.lifecycle.attempts import claim
from jobs.lifecycle.checkpoints import list_checkpoints
from jobs.lifecycle.history import list_evaluations
from jobs.settings import Settings
from jobs.spec.stored_specs import read_spec
from jobs.store.database import Database
from jobs.store.events import list_events
from jobs.store.lookup import get_job
from jobs.store.tables import Checkpoint, Dataset, Job
from model import manifest
from model.data import Data
from model.events import Evaluation, Event
from model.manifest import TRAINING, WEIGHTS, VerifiedCheckpoint
from model.plan import Schedule
from model.storage.stored_ids import TokenFile
from model.tokenizers import load_tokenizer
from model.training import train
from tests.jobs.making import ready_tokenizer, running_job
from tests.jobs.process.test_panics import panic
from tests.model.tiny import CPU, newest, tiny_data, tiny_run
from worker.training import trainer
from worker.training.eta import EtaEstimator
from worker.training.recorder import Recorder
from worker.training.reports import ReportPipe, TrainerOutcome
from worker.training.requests import Requests
from worker.training.resumption import newest_good_checkpoint
from worker.training.tokens import find_job_tokenizer, find_tokens


def train_a_step(
    root: Path, on_event: Callable[[Event], object], resume_from: VerifiedCheckpoint | None = None
) -> None:
    """Of a tiny run, and the checkpoint that stopping there writes."""
    run = tiny_run()
    train(
        run,
        tiny_data(run),
        on_event=on_event,
        should_stop=lambda: True,
        checkpoint_root=root,
        numerics="float32",
        device=CPU,
        resume_from=resume_from,
    )


def test_a_resume_checks_every_sum_of_a_checkpoint_once(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = running_job(database, settings)
    run = tiny_run()
    eta = EtaEstimator(run, Schedule.of(run, windows=16))
    recorder = Recorder(
        database, settings.artifacts, job, run.checkpoints, report_alive=lambda: None, eta=eta
    )
    train_a_step(checkpoint_root(settings.artifacts, job.id, job.attempt), recorder)
    with database.read() as session:
        listed = list_checkpoints(session, job.id)

    summed: Counter[str] = Counter()
    file_checksum = manifest.file_checksum

    def counted(path: Path, name: str) -> str:
        summed[path.name] += 1
        return file_checksum(path, name)

    monkeypatch.setattr(manifest, "file_checksum", counted)
    checkpoint = newest_good_checkpoint(database, settings, job, listed)
    assert checkpoint is not None
    train_a_step(settings.artifacts / "next", lambda event: None, resume_from=checkpoint)
    assert summed == {WEIGHTS: 1, TRAINING: 1}


def test_the_recorder_checks_the_alerts_of_the_spec_at_every_evaluation(
    database: Database, settings: Settings
) -> None:
    alerts = [{"when": "val_loss > 0", "do": "pause"}, {"when": "train_loss < 0"}]
    job = running_job(database, settings, alerts=alerts)
    run = tiny_run()
    recorder = Recorder(
        database,
        settings.artifacts,
        job,
        run.checkpoints,
        report_alive=lambda: None,
        eta=EtaEstimator(run, Schedule.of(run, windows=16)),
        alerts=read_spec(job.spec).alerts,
    )
    train_a_step(checkpoint_root(settings.artifacts, job.id, job.attempt), recorder)
    recorder.wait_for_deletions()
    with database.read() as session:
        fired = [event.data for event in list_events(session, job.id) if event.type == "alert"]
        assert get_job(session, job.id).stopping == "pause"
    assert [(data["rule"], data["step"]) for data in fired] == [(0, 0)]


def test_the_training_time_of_evaluations_goes_on_behind_that_of_earlier_attempts(
    database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    run = tiny_run()
    # Each begins at 100 and makes its evaluation seconds later; what lies between them is a pause.
    for step, clock in enumerate([iter([100.0, 103.5]), iter([100.0, 102.25])]):
        recorder = Recorder(
            database,
            settings.artifacts,
            job,
            run.checkpoints,
            report_alive=lambda: None,
            eta=EtaEstimator(run, Schedule.of(run, windows=16)),
            clock=clock.__next__,
        )
        recorder(Evaluation(step, 1, 8, 3.0, 3.0, learning_rate=0.1, grad_norm=None, tokens_per_s=None))
    with database.read() as session:
        assert [row.elapsed_s for row in list_evaluations(session, job.id)] == [3.5, 5.75]


def claimed(database: Database, job: Job) -> Job:
    with database.write() as session:
        job_claimed = claim(session, job.id, "test", 60)
    assert job_claimed is not None
    return job_claimed


def all_tokens_of(settings: Settings, database: Database, job: Job) -> list[TokenFile]:
    return find_tokens(settings, database, job, load_tokenizer(job.spec["tokenizer"]), 1, lambda: None)


def tokens_of(settings: Settings, database: Database, job: Job) -> TokenFile:
    (file,) = all_tokens_of(settings, database, job)
    return file


def test_a_tokenizer_that_panics_on_the_text_makes_it_a_bad_one(
    database: Database, settings: Settings, post: Callable[..., Job]
) -> None:
    job, known = post(), load_tokenizer("bytes")
    panicking: Any = SimpleNamespace(
        name=known.name,
        vocab_size=known.vocab_size,
        end_of_text=known.end_of_text,
        last_boundary=known.last_boundary,
        encode_buffer=lambda _: panic(),
    )
    with pytest.raises(BadText, match=r"the tokenizer bytes can't encode the text: .*StackOverflow"):
        find_tokens(settings, database, job, panicking, 1, lambda: None)
    assert list(tokens_directory(settings.artifacts).iterdir()) == []


def test_a_byte_order_mark_is_not_trained_on(
    database: Database, settings: Settings, post: Callable[..., Job]
) -> None:
    story = "Ana counted the boats. Ana counted them again.\n" * 40
    marked, _ = store_dataset(database, settings, "marked", b"\xef\xbb\xbf" + story.encode())
    job = post(dataset=marked.id)
    tokens = tokens_of(settings, database, job)
    ids = [*tokens.train[:].tolist(), *tokens.validation[:].tolist()]
    assert bytes(ids).decode() == story


def test_the_tokens_of_a_mark_that_an_earlier_version_trained_on_are_found_again(
    database: Database, settings: Settings, post: Callable[..., Job]
) -> None:
    story = "Ana counted the boats. Ana counted them again.\n" * 40
    marked, _ = store_dataset(database, settings, "marked", b"\xef\xbb\xbf" + story.encode())
    with database.write() as session:
        session.execute(update(Dataset).values(text_start_bytes=0))
    job = post(dataset=marked.id)
    old = tokens_of(settings, database, job)
    assert bytes(old.train[:20].tolist()).decode() == "\ufeff" + story[:17]
    (file,) = tokens_directory(settings.artifacts).iterdir()
    assert file.name == f"{marked.sha256}-bytes-0.9.tokens"
    with database.write() as session:
        session.execute(update(Dataset).values(text_start_bytes=3))
    new = tokens_of(settings, database, job)
    assert bytes(new.train[:20].tolist()).decode() == story[:20]


def test_a_text_of_its_own_to_validate_on_is_read_to_its_end(
    database: Database, settings: Settings, post: Callable[..., Job]
) -> None:
    story = "Ana counted the boats. Ana counted them again.\n" * 40
    own, _ = store_dataset(database, settings, "own", story.encode())
    job = post(validation_dataset=own.id)
    train, validation = all_tokens_of(settings, database, job)
    assert bytes(validation.train[:].tolist()).decode() == story
    assert (len(train.validation), len(validation.validation)) == (0, 0)
    data = Data.from_file(train, read_spec(job.spec), validation)
    assert bytes(data.validation.ids[:].tolist()).decode() == story
    assert len(data.train.ids) == len(train.train) > 20_000


def test_damaged_tokens_are_written_again(
    database: Database, settings: Settings, post: Callable[..., Job]
) -> None:
    job = post()
    first = tokens_of(settings, database, job).train[:].tolist()
    (file,) = tokens_directory(settings.artifacts).iterdir()
    whole = file.read_bytes()
    for damaged in (whole[:-1], b"", whole[:-2] + b"\xff\xff", b"{}" + whole[2:]):
        file.write_bytes(damaged)
        assert tokens_of(settings, database, job).train[:].tolist() == first
        assert file.read_bytes() == whole


def test_any_other_panic_ends_the_attempt_with_what_it_said(
    database: Database, settings: Settings, post: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = claimed(database, post())

    def train_job(*_: Any) -> bool:
        panic()
        return True

    monkeypatch.setattr(trainer, "train_job", train_job)
    outcome = trainer.run_attempt(settings, job.id, job.attempt, ReportPipe(-1), lambda: False, Requests())
    assert outcome == TrainerOutcome("failed", "internal", outcome.message)
    assert outcome.message.startswith("PanicException in native code: ")
    assert "StackOverflow" in outcome.message


def test_a_tokenizer_whose_file_has_gone_is_taken_from_the_newest_checkpoint_that_has_it(
    database: Database, settings: Settings
) -> None:
    tokenizer = ready_tokenizer(database, settings)
    job = running_job(database, settings, tokenizer=tokenizer.id, model={"context_length": 16})
    spec = read_spec(job.spec)
    kept = find_job_tokenizer(settings, database, job, spec, [])
    run = tiny_run().model_copy(update={"tokenizer": tokenizer.id}).with_vocab_size(kept.vocab_size)
    root = checkpoint_root(settings.artifacts, job.id, 1)
    options = {"numerics": "float32", "device": CPU, "checkpoint_root": root, "tokenizer": kept}
    data = Data.from_text("Ana counted the boats in the harbour. " * 20, kept, run)
    train(run, data, on_event=lambda _: None, should_stop=lambda: True, **options)  # type: ignore[arg-type]
    whole = Checkpoint(directory=str(newest(root).relative_to(settings.artifacts)))
    damaged = Checkpoint(directory=f"jobs/{job.id}/attempt-1/step-9")
    tokenizer_path(settings.artifacts, str(tokenizer.sha256)).unlink()
    with pytest.raises(TokenizerLost):
        find_job_tokenizer(settings, database, job, spec, [damaged])
    found = find_job_tokenizer(settings, database, job, spec, [whole, damaged])
    assert (found.name, found.encode("Ana")) == (tokenizer.id, kept.encode("Ana"))
    newest(root).rename(initial_directory(settings.artifacts, job.id))
    job.takes_optimizer = False
    found = find_job_tokenizer(settings, database, job, spec, [whole, damaged])
    assert found.encode("Ana") == kept.encode("Ana"), "the checkpoint that it starts from has a copy too"
