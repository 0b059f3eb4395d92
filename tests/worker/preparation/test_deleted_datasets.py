"""Data sets that are deleted while a worker prepares them."""

import threading

import pytest
from sqlalchemy import select

from jobs.files.datasets import delete_dataset, store_dataset
from jobs.files.store import TEXTS, remove_released
from jobs.lifecycle.preparation import claim_preparation
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.tables import Dataset, Preparation
from worker.preparation import text_preparer
from worker.preparation.text_preparer import TextPreparer

TEXT = ("The sea was calm, and the señora sang.\n" * 2000).encode()


def delete(database: Database, settings: Settings) -> None:
    with database.write() as session:
        delete_dataset(session, session.scalars(select(Dataset.id)).one())
    remove_released(database, settings.artifacts, TEXTS)


@pytest.mark.parametrize("moment", ["before it is looked up", "before its text is read", "once it is done"])
def test_a_data_set_that_is_deleted_meanwhile_ends_its_preparation(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    store_dataset(database, settings, "sea", TEXT)
    with database.write() as session:
        claimed = claim_preparation(session, "worker-1", lease_s=30)
    assert isinstance(claimed, Preparation)
    ensure = text_preparer.ensure_tokens

    def ensure_and_delete(*arguments: object, **options: object) -> object:
        if moment == "before its text is read":
            delete(database, settings)
        manifest = ensure(*arguments, **options)  # type: ignore[arg-type]
        delete(database, settings)
        return manifest

    monkeypatch.setattr(text_preparer, "ensure_tokens", ensure_and_delete)
    if moment == "before it is looked up":
        delete(database, settings)
    TextPreparer(database, settings, claimed, threading.Event()).run()
    with database.read() as session:
        assert [*session.scalars(select(Preparation)), *session.scalars(select(Dataset))] == []
    remove_released(database, settings.artifacts, TEXTS)
    assert [file for file in settings.artifacts.rglob("*") if file.is_file()] == []
