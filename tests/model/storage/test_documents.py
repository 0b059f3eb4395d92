"""Texts that consist of documents: where they are split, and their tokens."""

import hashlib
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobs.files.token_counts import count_splits
from model.data import Data
from model.storage.splits import CHUNK_BYTES, DOCUMENT_END, last_document_start, read_splits, scan_text
from model.storage.stored_ids import TokenFile
from model.storage.token_file import HEADER_BYTES, read_manifest, write_tokens
from model.storage.vocabulary_use import count_vocabulary_use
from model.tokenizers import TOKENIZERS, load_tokenizer
from tests.model.texts import TEXTS
from tests.model.tiny import TEXT, tiny_run

RATIOS = st.floats(0.01, 0.99)
DOCUMENTS = st.lists(TEXTS.filter(bool), min_size=2, max_size=6)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("documents") / "text.txt"


def write_documents(file: Path, documents: list[str]) -> str:
    text = "".join(document + DOCUMENT_END for document in documents)
    file.write_bytes(text.encode())
    return text


def split_slowly(documents: list[str], train_ratio: float) -> tuple[list[str], list[str]]:
    """The documents that begin before `train_ratio` of the characters, and the others: one at least."""
    characters = sum(len(document) + 1 for document in documents)
    starts = [sum(len(document) + 1 for document in documents[:index]) for index in range(len(documents))]
    trained = sum(start < train_ratio * characters for start in starts)
    trained = min(trained, len(documents) - 1)
    return documents[:trained], documents[trained:]


def encode_slowly(documents: list[str], tokenizer: str) -> list[int]:
    encoder = load_tokenizer(tokenizer)
    return [token for document in documents for token in (*encoder.encode(document), encoder.end_of_text)]


@given(documents=DOCUMENTS, train_ratio=RATIOS, chunk_bytes=st.integers(1, 9))
@example(documents=["long" * 20, "b"], train_ratio=0.1, chunk_bytes=3)
@example(documents=["a", "long" * 20], train_ratio=0.9, chunk_bytes=3)
def test_the_split_falls_between_documents(
    file: Path, documents: list[str], train_ratio: float, chunk_bytes: int
) -> None:
    write_documents(file, documents)
    read = {"train": "", "validation": ""}
    for split, chunk in read_splits(scan_text(file), train_ratio, len, chunk_bytes):
        read[split] += chunk
    expected = split_slowly(documents, train_ratio)
    assert [read["train"], read["validation"]] == [
        "".join(document + DOCUMENT_END for document in part) for part in expected
    ]


@given(documents=st.lists(TEXTS.filter(bool), min_size=1, max_size=6))
def test_a_text_that_is_scanned_knows_its_documents(file: Path, documents: list[str]) -> None:
    text = write_documents(file, documents)
    scanned = scan_text(file)
    assert (scanned.characters, scanned.documents) == (len(text), len(documents))
    assert text[scanned.last_document_start :] == documents[-1] + DOCUMENT_END
    assert last_document_start(file, len(text)) == scanned.last_document_start


def test_the_last_document_is_found_across_chunks(file: Path) -> None:
    long, last = "é" * 2**20, "z" * (3 * 2**20)  # 2 MiB and 3 MiB: chunks are of 2 MiB
    write_documents(file, [long, "middle", last])
    scanned = scan_text(file)
    assert (scanned.documents, scanned.last_document_start) == (3, len(long) + 1 + len("middle") + 1)
    assert last_document_start(file, scanned.characters) == scanned.last_document_start


@pytest.mark.parametrize("excess", [-1, 0, 1])
def test_the_last_document_is_found_where_it_begins_with_a_chunk(file: Path, excess: int) -> None:
    write_documents(file, ["é", "z" * (CHUNK_BYTES + excess - 1)])
    assert last_document_start(file, scan_text(file).characters) == 2


def test_one_document_is_split_by_characters(file: Path) -> None:
    write_documents(file, ["0123456789"])
    chunks = read_splits(scan_text(file), 0.5, len)
    assert [chunk for chunk in chunks if chunk[1]] == [("train", "01234"), ("validation", "56789\0")]


@pytest.mark.parametrize("name", sorted(TOKENIZERS))
@given(documents=DOCUMENTS, train_ratio=RATIOS, chunk_bytes=st.integers(1, 30))
@example(documents=["a  ", "  b", "<|endoftext|>"], train_ratio=0.5, chunk_bytes=4)
def test_each_documents_tokens_are_those_of_one_call_and_an_end_of_text(
    file: Path, name: str, documents: list[str], train_ratio: float, chunk_bytes: int
) -> None:
    write_documents(file, documents)
    path = file.with_name(f"{name}.tokens")
    text, tokenizer = scan_text(file), load_tokenizer(name)
    manifest = write_tokens(text, path, tokenizer, train_ratio, threads=2, chunk_bytes=chunk_bytes)
    stored = TokenFile(path, manifest)
    expected = [encode_slowly(part, name) for part in split_slowly(documents, train_ratio)]
    assert [stored.train[:].tolist(), stored.validation[:].tolist()] == expected
    assert manifest.train_texts_ended == len(split_slowly(documents, train_ratio)[0])
    counts = count_splits(text, load_tokenizer(name), train_ratio)
    assert [counts.by_split["train"], counts.by_split["validation"]] == [len(ids) for ids in expected]
    end, ids = tokenizer.end_of_text, [*expected[0], *expected[1]]
    lengths = [len(list(group)) for is_end, group in groupby(ids, end.__eq__) if not is_end]
    for counted in (counts, count_vocabulary_use(path, manifest, tokenizer)):
        assert (counted.vocab_size, counted.used_tokens) == (tokenizer.vocab_size, len(set(ids)))
        assert counted.longest_document_tokens == max(lengths, default=0)


def test_a_model_learns_that_its_documents_ended_and_that_a_plain_text_did_not(tmp_path: Path) -> None:
    for text, ends in ((f"{TEXT}\0{TEXT}\0", True), (f"{TEXT}<|endoftext|>{TEXT}", False)):
        (tmp_path / "text.txt").write_text(text)
        tokenizer = load_tokenizer("bytes")
        manifest = write_tokens(scan_text(tmp_path / "text.txt"), tmp_path / "t", tokenizer, 0.5, threads=1)
        assert Data.from_file(TokenFile(tmp_path / "t", manifest), tiny_run()).ends_texts is ends


@pytest.mark.parametrize("documents", [[], ["one alone"], ["a first one", "and a last one"]])
def test_a_text_that_is_not_split_is_trained_on_to_its_end(file: Path, documents: list[str]) -> None:
    file.write_text("a plain text")
    if documents:
        write_documents(file, documents)
    splits = list(read_splits(scan_text(file), 1.0, lambda _: None, 4))
    assert "".join(text for split, text in splits if split == "train") == file.read_text()
    assert not [text for split, text in splits if split == "validation" and text]


def test_a_document_without_a_boundary_is_cut_only_behind_its_end(file: Path) -> None:
    write_documents(file, ["x" * 30, "y" * 30])
    text = scan_text(file)
    chunks = [chunk for _, chunk in read_splits(text, 0.1, lambda _: None, 10) if chunk]
    assert chunks == ["x" * 30 + "\0", "y" * 30 + "\0"]
    grown = read_splits(text, 0.1, lambda _: None, 10, max_pretoken_characters=12)
    assert max(len(chunk) for _, chunk in grown) == 20


def test_the_token_file_of_a_plain_text_is_byte_for_byte_that_of_the_version_before(tmp_path: Path) -> None:
    file = tmp_path / "text.txt"
    file.write_bytes(("It's  a 'story'.\n\n你好。カ <|endoftext|>\r\n 🎉 " * 40).encode())
    write_tokens(scan_text(file), tmp_path / "t", load_tokenizer("gpt2"), 0.9, threads=2, chunk_bytes=64)
    content = (tmp_path / "t").read_bytes()
    assert read_manifest(tmp_path / "t").train_texts_ended == 0
    assert hashlib.sha256(content).hexdigest() == TOKEN_FILE_SHA256
    assert len(content) > HEADER_BYTES + 1000


TOKEN_FILE_SHA256 = "20450d8044566396c43d80b31bb1b318d34c99c13783714e0f849d1b37aea396"
"""Of the file that was written before texts could consist of documents."""
