import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from jobs.files import datasets
from jobs.files.datasets import delete_dataset, store_dataset
from jobs.files.layout import dataset_path
from jobs.files.store import TEXTS, remove_released
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.lookup import NotFound
from jobs.store.tables import Dataset, TextRemoval
from tests.sweeps import examples

TEXT = b"The sea was calm, and the captain sang.\n" * 20


def test_a_text_that_is_added_and_deleted_by_many_at_once_is_there_just_while_it_is_listed(
    database: Database, settings: Settings
) -> None:
    rounds, start = examples(40), threading.Barrier(4)

    def add_and_delete(_: int) -> None:
        start.wait()
        for _ in range(rounds):
            dataset, _ = store_dataset(database, settings, "sea", TEXT)
            try:
                with database.write() as session:
                    delete_dataset(session, dataset.id)
            except NotFound:
                pass  # another was faster
            remove_released(database, settings.artifacts, TEXTS)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add_and_delete, range(4)))
    with database.read() as session:
        assert [*session.scalars(select(Dataset)), *session.scalars(select(TextRemoval))] == []
    assert list((settings.artifacts / "datasets").iterdir()) == []
    dataset, _ = store_dataset(database, settings, "sea", TEXT)
    assert dataset_path(settings.artifacts, dataset.sha256).read_bytes() == TEXT


def test_a_text_whose_process_dies_before_it_is_listed_is_deleted_by_the_keeper(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(datasets, "insert_if_absent", die)
    monkeypatch.setattr("jobs.files.store.remove_unless_listed", lambda *_: None)
    with pytest.raises(KeyboardInterrupt):
        store_dataset(database, settings, "sea", TEXT)
    (left,) = (settings.artifacts / "datasets").iterdir()
    assert left.read_bytes() == TEXT
    remove_released(database, settings.artifacts, TEXTS)
    assert not left.exists()


def test_a_text_is_not_removed_while_another_transaction_lists_it(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, _ = store_dataset(database, settings, "sea", TEXT)
    with database.write() as session:
        delete_dataset(session, dataset.id)
    insert = datasets.insert_if_absent
    remover = threading.Thread(target=remove_released, args=(database, settings.artifacts, TEXTS))

    def insert_while_another_removes(*arguments: object) -> bool:
        monkeypatch.setattr(datasets, "insert_if_absent", insert)
        remover.start()
        remover.join(0.5)
        assert remover.is_alive(), "it waits for the lock"
        return insert(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(datasets, "insert_if_absent", insert_while_another_removes)
    again, _ = store_dataset(database, settings, "sea", TEXT)
    remover.join()
    assert dataset_path(settings.artifacts, again.sha256).read_bytes() == TEXT
