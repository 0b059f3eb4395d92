"""The part of a data set's text that a job trains on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.files.datasets import store_dataset, store_text
from jobs.files.documents import read_documents
from jobs.files.training_text import training_text
from jobs.settings import Settings
from jobs.store.database import Database
from model.storage.splits import DOCUMENT_END, read_chunks, split_text


@pytest.mark.parametrize("text", ["Plain ASCII, of some words. " * 9, "Zwölf Boxkämpfer – jagten 🛶. " * 9])
@pytest.mark.parametrize("share", [0.5, 0.9, 1])
def test_a_plain_text_is_split_by_characters(
    database: Database, settings: Settings, text: str, share: float
) -> None:
    dataset, _ = store_dataset(database, settings, "plain", text.encode())
    train = text if share == 1 else split_text(text, share)[0]
    assert training_text(settings, dataset, share, limit=10**6) == (train, len(train))
    assert training_text(settings, dataset, share, limit=20) == (train[:20], len(train))


def test_of_documents_those_are_taken_that_are_trained_on(database: Database, settings: Settings) -> None:
    lines = "".join(f'{{"text": "document {number}"}}\n' for number in range(10)).encode()
    dataset = store_text(database, settings, "documents", [lines], read_documents).dataset
    text, characters = training_text(settings, dataset, 0.5, limit=10**6)
    assert text == "".join(f"document {number}{DOCUMENT_END}" for number in range(5))
    assert characters == len(text)
    assert training_text(settings, dataset, 0.5, limit=15) == (text[:15], len(text))
    whole = training_text(settings, dataset, 1, limit=10**6)
    assert whole == ("".join(f"document {number}{DOCUMENT_END}" for number in range(10)), dataset.characters)


def test_of_documents_each_byte_is_read_once(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "".join(f'{{"text": "document {number}"}}\n' for number in range(10)).encode()
    dataset = store_text(database, settings, "documents", [lines], read_documents).dataset
    read_bytes = 0

    def counted(path: Path, chunk_bytes: int, start_bytes: int = 0) -> Iterator[bytes]:
        nonlocal read_bytes
        for chunk in read_chunks(path, chunk_bytes, start_bytes):
            read_bytes += len(chunk)
            yield chunk

    for module in ("jobs.files.training_text", "model.storage.splits"):
        monkeypatch.setattr(f"{module}.read_chunks", counted)
    training_text(settings, dataset, 0.5, limit=10**6)
    assert read_bytes <= dataset.bytes
