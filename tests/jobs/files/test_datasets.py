import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.event import listen
from sqlalchemy.exc import OperationalError

from jobs.files import builtin_datasets, datasets, store
from jobs.files.arriving_text import BadText
from jobs.files.builtin_datasets import DatasetUnavailable
from jobs.files.datasets import (
    count_tokens,
    find_dataset,
    find_text,
    list_datasets,
    store_dataset,
    store_text,
)
from jobs.files.disk import is_disk_full
from jobs.files.documents import read_documents
from jobs.files.layout import dataset_path
from jobs.files.plain_text import read_plain_text
from jobs.files.token_counts import store_counts
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.tables import Dataset, TokenCount
from model.storage.splits import split_text
from model.tokenizers import load_tokenizer

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
    text_file = find_text(settings, dataset)
    assert text_file.path.read_bytes() == text.encode()
    assert text_file.sha256 == dataset.sha256
    assert text_file.characters == dataset.characters == len(text)


def test_a_byte_order_mark_is_stored_but_no_part_of_the_text(database: Database, settings: Settings) -> None:
    marked, _ = store_dataset(database, settings, "marked", b"\xef\xbb\xbf" + STORY.encode())
    plain, _ = store_dataset(database, settings, "plain", STORY.encode())
    text = find_text(settings, marked)
    assert text.path.read_bytes() == b"\xef\xbb\xbf" + STORY.encode()
    assert marked.bytes == plain.bytes + 3
    assert text.characters == marked.characters == plain.characters == len(STORY)
    assert marked.first_lines == plain.first_lines == STORY[:400]
    assert sizes(count_tokens(database, settings, marked, load_tokenizer("bytes"), 0.9)) == sizes(
        count_tokens(database, settings, plain, load_tokenizer("bytes"), 0.9)
    )


def sizes(counts: TokenCount) -> tuple[int, int]:
    return counts.train_tokens, counts.val_tokens


def test_a_mark_that_an_earlier_version_stored_as_text_stays_text(
    database: Database, settings: Settings
) -> None:
    marked, _ = store_dataset(database, settings, "marked", b"\xef\xbb\xbf" + STORY.encode())
    with database.write() as session:
        session.execute(update(Dataset).values(text_start_bytes=0, characters=len(STORY) + 1))
        session.execute(delete(TokenCount))
    again, created = store_dataset(database, settings, "again", b"\xef\xbb\xbf" + STORY.encode())
    assert (again.id, created) == (marked.id, False)
    assert find_text(settings, again).characters == again.characters == len(STORY) + 1
    expected = len(STORY) + 3
    assert sum(sizes(count_tokens(database, settings, again, load_tokenizer("bytes"), 0.9))) == expected


def test_a_second_mark_is_text(database: Database, settings: Settings) -> None:
    dataset, _ = store_dataset(database, settings, "twice", "\ufeff\ufeffab".encode())
    assert (dataset.characters, dataset.first_lines) == (3, "\ufeffab")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path: path.write_text("something else"), r"is damaged: its sha256 is"),
        (lambda path: path.write_bytes(b"something \xff"), r"is damaged: it must be UTF-8 text; byte 10 is"),
        (Path.unlink, "is gone"),
    ],
)
def test_a_stored_text_that_is_gone_or_was_changed_is_not_used_and_mended_by_adding_it_again(
    database: Database, settings: Settings, damage: Callable[[Path], object], reason: str
) -> None:
    dataset, _ = store_dataset(database, settings, "story", STORY.encode())
    damage(dataset_path(settings.artifacts, dataset.sha256))
    with pytest.raises(
        BadText, match=f"data set {dataset.id} .*{reason}.*adding the same text again mends it"
    ):
        find_text(settings, dataset)
    with pytest.raises(DatasetUnavailable, match=r"is gone|has 1\d bytes instead of 940"):
        find_dataset(database, settings, dataset.id)
    store_dataset(database, settings, "again", STORY.encode())
    assert find_text(settings, dataset).characters == len(STORY)
    assert find_dataset(database, settings, dataset.id).id == dataset.id


def test_a_built_in_text_that_is_gone_or_cut_off_is_fetched_again(
    database: Database, settings: Settings
) -> None:
    sample = find_dataset(database, settings, "sample")
    path = dataset_path(settings.artifacts, sample.sha256)
    for content in (None, path.read_bytes()[:100]):
        path.unlink()
        if content is not None:
            path.write_bytes(content)
        assert find_text(settings, find_dataset(database, settings, "sample")).sha256 == sample.sha256


def nothing_is_stored(database: Database, settings: Settings) -> bool:
    with database.read() as session:
        rows = [*session.scalars(select(Dataset)), *session.scalars(select(TokenCount))]
    return rows == [] and list((settings.artifacts / "datasets").iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_text_that_the_disk_has_no_room_for_leaves_nothing_behind(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch, number: int, call: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(*{"fsync": (os, "fsync", fail), "replace": (Path, "replace", fail)}[call])
    with pytest.raises(OSError) as caught:
        store_dataset(database, settings, "story", STORY.encode())
    assert is_disk_full(caught.value)
    assert nothing_is_stored(database, settings)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_text_that_the_database_has_no_room_to_record_leaves_nothing_behind(
    database: Database, settings: Settings
) -> None:
    def allow_no_page_more(connection: Any, *_: object) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")

    listen(database.engine, "checkout", allow_no_page_more)

    def store_until_it_is_full() -> None:
        for number in range(100):
            store_dataset(database, settings, "story " * 10, f"{number} {STORY}".encode())

    with pytest.raises(OperationalError, match="full") as caught:
        store_until_it_is_full()
    assert is_disk_full(caught.value)
    with database.read() as session:
        stored = {f"{dataset.sha256}.txt" for dataset in list_datasets(session)}
    assert {file.name for file in (settings.artifacts / "datasets").iterdir()} == stored


def test_a_text_that_could_not_be_recorded_stays_only_if_somebody_elses_record_needs_it(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = dataset_path(settings.artifacts, hashlib.sha256(STORY.encode()).hexdigest())

    def fail_once(*_: Any) -> None:
        monkeypatch.setattr(datasets, "insert_if_absent", insert)
        raise OSError(errno.ENOSPC, "full")

    def remove_after_another_has_stored_it(*arguments: Any) -> None:
        store_dataset(database, settings, "another's", STORY.encode())
        remove(*arguments)

    insert, remove = datasets.insert_if_absent, store.remove_unless_listed
    for clean_up, is_left in ((remove, False), (remove_after_another_has_stored_it, True)):
        monkeypatch.setattr(datasets, "insert_if_absent", fail_once)
        monkeypatch.setattr(store, "remove_unless_listed", clean_up)
        with pytest.raises(OSError, match="full"):
            store_dataset(database, settings, "mine", STORY.encode())
        assert path.exists() is is_left
    assert path.read_bytes() == STORY.encode()


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


def test_documents_are_stored_in_one_text_with_their_tokens(database: Database, settings: Settings) -> None:
    lines = [b'{"text": "one two"}\n{"te', b'xt": "three"}\n']
    dataset = store_text(database, settings, "both", lines, read_documents).dataset
    text = find_text(settings, dataset)
    assert text.path.read_bytes() == b"one two\0three\0"
    assert (text.documents, dataset.documents, dataset.longest_document) == (2, 2, 7)
    assert (text.characters, dataset.characters, dataset.bytes) == (14, 14, 14)
    assert dataset.first_lines == "one two\nthree\n"
    assert sizes(count_tokens(database, settings, dataset, load_tokenizer("bytes"), 0.9)) == (8, 6)


def test_a_text_that_breaks_off_leaves_nothing_behind(database: Database, settings: Settings) -> None:
    def broken() -> Iterator[bytes]:
        yield STORY.encode()
        assert len(list((settings.artifacts / "datasets").iterdir())) == 1
        raise ConnectionError("cut")

    for read in (read_plain_text, read_documents):
        with pytest.raises((ConnectionError, BadText), match=r"cut|line 1"):
            store_text(database, settings, "broken", broken(), read)
        assert nothing_is_stored(database, settings)


@pytest.mark.parametrize("tokenizer", ["gpt2", "bytes"])
def test_token_counts_are_those_of_both_parts(database: Database, settings: Settings, tokenizer: str) -> None:
    dataset, _ = store_dataset(database, settings, "story", STORY.encode())
    counted = count_tokens(database, settings, dataset, load_tokenizer(tokenizer), 0.8)
    train, val = (len(load_tokenizer(tokenizer).encode(part)) for part in split_text(STORY, 0.8))
    assert (counted.train_tokens, counted.val_tokens) == (train, val)


def test_tokens_that_are_stored_are_not_counted_again(database: Database, settings: Settings) -> None:
    dataset, _ = store_dataset(database, settings, "story", STORY.encode())
    first = count_tokens(database, settings, dataset, load_tokenizer("bytes"), 0.9)
    with database.write() as session:
        store_counts(session, first)
    dataset_path(settings.artifacts, dataset.sha256).unlink()
    again = count_tokens(database, settings, dataset, load_tokenizer("bytes"), 0.9)
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

    def read(source: str) -> bytes:
        asked.append(source)
        return b"not the text"

    monkeypatch.setattr(builtin_datasets, "read_source", read)
    mirrored = settings.model_copy(update={"dataset_mirror": str(tmp_path)})
    with pytest.raises(DatasetUnavailable, match="not the text with sha256 b41e41a68f"):
        find_dataset(database, mirrored, "the-verdict")
    assert asked[0] == f"{tmp_path}/the-verdict.txt"
    assert asked[1].startswith("https://raw.githubusercontent.com/rasbt/LLMs-from-scratch/")


@pytest.mark.parametrize(
    ("mirror", "reason"),
    [
        ("/a/folder/of/the/server", "No such file or directory"),
        ("http://me:secret@127.0.0.1:1/", "ConnectError"),
    ],
)
def test_what_a_mirror_is_called_is_not_told(
    database: Database,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    mirror: str,
    reason: str,
) -> None:
    read = builtin_datasets.read_source
    monkeypatch.setattr(
        builtin_datasets, "read_source", lambda source: b"" if "githubusercontent" in source else read(source)
    )
    with pytest.raises(DatasetUnavailable) as caught:
        find_dataset(database, settings.model_copy(update={"dataset_mirror": mirror}), "the-verdict")
    assert f"PRETRAIN_DATASET_MIRROR ({reason})" in str(caught.value)
    assert "/a/folder" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_built_in_text_is_stored_once_and_then_not_fetched_again(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = find_dataset(database, settings, "sample")
    monkeypatch.setattr(datasets, "builtin_content", None)
    assert find_dataset(database, settings, "sample").sha256 == first.sha256
