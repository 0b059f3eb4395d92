from pathlib import Path

import pytest

from jobs import datasets
from jobs.artifacts import dataset_path
from jobs.database import Database
from jobs.datasets import (
    BadText,
    DatasetUnavailable,
    count_tokens,
    find_dataset,
    find_text,
    list_datasets,
    store_dataset,
)
from jobs.settings import Settings
from model.splits import split_text
from model.tokens import load_tokenizer

STORY = "Ana counted the boats. Ana counted them again.\n" * 20


def test_equal_content_is_stored_once(database: Database, settings: Settings) -> None:
    first, first_is_new = store_dataset(database, settings, "one", STORY.encode())
    second, second_is_new = store_dataset(database, settings, "two", STORY.encode())
    assert (first_is_new, second_is_new) == (True, False)
    assert second.id == first.id
    with database.read() as session:
        assert [dataset.name for dataset in list_datasets(session)] == ["one"]


def test_a_text_is_read_back_as_it_was_stored(database: Database, settings: Settings) -> None:
    text = "Zeile\r\nмир\u2028\n"
    dataset, _ = store_dataset(database, settings, "mixed", text.encode())
    found = find_text(settings, dataset.sha256)
    assert found.path.read_bytes() == text.encode()
    assert (
        (found.sha256, found.characters) == (dataset.sha256, dataset.characters) == (found.sha256, len(text))
    )


def test_a_stored_text_that_was_changed_is_not_used(database: Database, settings: Settings) -> None:
    dataset, _ = store_dataset(database, settings, "story", STORY.encode())
    dataset_path(settings.artifacts, dataset.sha256).write_text("something else")
    with pytest.raises(BadText, match="sha256"):
        find_text(settings, dataset.sha256)
    dataset_path(settings.artifacts, dataset.sha256).write_bytes(b"something \xff")
    with pytest.raises(BadText, match="must be UTF-8 text; byte 10 is not"):
        find_text(settings, dataset.sha256)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"ab\xff", "byte 2"),
        ("ein schöner Tag".encode("cp1252"), "iconv -f CP1252 -t UTF-8"),
        ("a fine day".encode("utf-16"), "iconv -f UTF-16 -t UTF-8"),
        (b"ab" * 100 + b"\x00", "NUL"),
        (b'{"text": "one"}\n{"text": "two"}\n', "JSON Lines"),
    ],
)
def test_what_is_no_text_is_refused(
    database: Database, settings: Settings, content: bytes, reason: str
) -> None:
    with pytest.raises(BadText, match=reason):
        store_dataset(database, settings, "bad", content)
    with database.read() as session:
        assert list_datasets(session) == []


@pytest.mark.parametrize("tokenizer", ["gpt2", "bytes"])
def test_token_counts_are_those_of_both_parts(database: Database, settings: Settings, tokenizer: str) -> None:
    dataset, _ = store_dataset(database, settings, "story", STORY.encode())
    counted = count_tokens(database, settings, dataset, tokenizer, 0.8)
    train, val = (len(load_tokenizer(tokenizer).encode(part)) for part in split_text(STORY, 0.8))
    assert (counted.train_tokens, counted.val_tokens) == (train, val)


def test_tokens_are_counted_once(database: Database, settings: Settings) -> None:
    dataset, _ = store_dataset(database, settings, "story", STORY.encode())
    first = count_tokens(database, settings, dataset, "bytes", 0.9)
    dataset_path(settings.artifacts, dataset.sha256).unlink()
    again = count_tokens(database, settings, dataset, "bytes", 0.9)
    assert again.train_tokens == first.train_tokens


def test_the_sample_ships_with_the_service(database: Database, settings: Settings) -> None:
    sample = find_dataset(database, settings, "sample")
    assert sample.builtin
    assert sample.id == "sample"
    assert 19_000 < sample.characters < 21_000


def test_the_mirror_is_asked_first_and_its_content_checked(
    database: Database, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def place(name: str) -> bytes:
        asked.append(name)
        return b"not the text"

    monkeypatch.setattr(datasets, "read_place", place)
    mirrored = settings.model_copy(update={"dataset_mirror": str(tmp_path)})
    with pytest.raises(DatasetUnavailable, match="not the text with sha256 b41e41a68f"):
        find_dataset(database, mirrored, "the-verdict")
    assert asked[0] == f"{tmp_path}/the-verdict.txt"
    assert asked[1].startswith("https://raw.githubusercontent.com/rasbt/LLMs-from-scratch/")


def test_a_built_in_text_is_stored_once_and_then_not_fetched_again(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = find_dataset(database, settings, "sample")
    monkeypatch.setattr(datasets, "builtin_content", None)
    assert find_dataset(database, settings, "sample").sha256 == first.sha256
