import pytest
from sqlalchemy import select

from jobs.files.datasets import find_text
from jobs.files.layout import dataset_path
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.tables import Dataset
from tests.jobs.making import asked_tokenizer, long_dataset
from worker.preparation import tokenizer_training, work_process


def test_a_process_that_fails_says_why(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_tokenizer(database, settings)
    with database.read() as session:
        dataset = session.scalars(select(Dataset)).one()
    text = find_text(settings, dataset)
    dataset_path(settings.artifacts, dataset.sha256).rename(settings.artifacts / "elsewhere")
    with pytest.raises(FileNotFoundError):
        tokenizer_training.train_tokenizer(settings, "t", text, 300, lambda _: None)
    (settings.artifacts / "elsewhere").rename(text.path)
    monkeypatch.setattr(work_process.sys, "executable", "/bin/false")
    with pytest.raises(work_process.ProcessLost, match="ended with status 1"):
        tokenizer_training.train_tokenizer(settings, "t", text, 300, lambda _: None)


@pytest.mark.sqlite_will_do
def test_it_gets_on_while_it_reads_merges_and_measures(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = long_dataset(database, settings)
    fractions: list[float] = []
    text = find_text(settings, dataset)
    trained = tokenizer_training.train_tokenizer(
        settings.model_copy(update={"renew_s": 0.05}), "t", text, 300, fractions.append
    )
    assert trained.facts.vocab_size <= 300
    assert fractions == sorted(fractions)
    assert fractions[-1] == tokenizer_training.READ_SHARE
