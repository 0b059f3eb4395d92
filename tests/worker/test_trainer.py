from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from jobs.artifacts import tokens_directory
from jobs.database import Database
from jobs.datasets import BadText
from jobs.lifecycle import claim
from jobs.settings import Settings
from jobs.spec import JobSpec
from jobs.tables import Job
from model.tokens import load_tokenizer
from tests.jobs.process.test_panics import panic
from worker import trainer
from worker.reports import ReportPipe, TrainerEnd


def claimed(database: Database, job: Job) -> Job:
    with database.write() as session:
        found = claim(session, job.id, "test", 60)
    assert found is not None
    return found


def test_a_tokenizer_that_panics_on_the_text_makes_it_a_bad_one(
    database: Database, settings: Settings, post: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    job, known = post(), load_tokenizer("bytes")
    monkeypatch.setattr(
        "model.tokens.load_tokenizer",
        lambda name: SimpleNamespace(
            name=name,
            vocab_size=known.vocab_size,
            end_of_text=known.end_of_text,
            last_cut=known.last_cut,
            encode_buffer=lambda _: panic(),
        ),
    )
    spec = JobSpec.model_validate(job.spec)
    with pytest.raises(BadText, match=r"the tokenizer bytes can't encode the text: .*StackOverflow"):
        trainer.find_tokens(settings, job, spec, 1, lambda: None)
    assert list(tokens_directory(settings.artifacts).iterdir()) == []


def test_any_other_panic_ends_the_attempt_with_what_it_said(
    database: Database, settings: Settings, post: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = claimed(database, post())

    def train_job(*_: Any) -> bool:
        panic()
        return True

    monkeypatch.setattr(trainer, "train_job", train_job)
    end = trainer.run_attempt(settings, job.id, job.attempt, ReportPipe(-1), lambda: False)
    assert end == TrainerEnd("failed", "internal", end.message)
    assert end.message.startswith("PanicException in native code: ")
    assert "StackOverflow" in end.message
