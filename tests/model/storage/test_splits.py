import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.storage.splits import CHUNK_BYTES, decode_utf8, read_splits, scan_text, split_text
from model.tokenizers import load_tokenizer
from tests.model.texts import TEXTS


@given(text=st.text(max_size=50), train_ratio=st.floats(0.01, 0.99))
def test_the_text_is_split_by_characters(text, train_ratio):
    train, validation = split_text(text, train_ratio)
    assert train + validation == text
    assert len(train) == int(train_ratio * len(text))


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("texts") / "text.txt"


@given(text=TEXTS, train_ratio=st.floats(0.01, 0.99), chunk_bytes=st.integers(1, 9))
def test_the_chunks_of_a_file_are_its_two_splits(file, text, train_ratio, chunk_bytes):
    file.write_bytes(text.encode())
    read = {"train": "", "validation": ""}
    for split, chunk in read_splits(scan_text(file), train_ratio, len, chunk_bytes):
        read[split] += chunk
    assert tuple(read.values()) == split_text(text, train_ratio)


def test_chunks_are_small_and_without_a_boundary_grow(file):
    file.write_text("x" * 100)
    text = scan_text(file)
    sizes = [len(chunk) for _, chunk in read_splits(text, 0.5, len, 10)]
    assert max(sizes) == 10
    assert list(read_splits(text, 0.5, lambda _: None, 10)) == [("train", "x" * 50), ("validation", "x" * 50)]


def test_a_pretoken_beyond_the_limit_is_cut(file):
    file.write_text("é" * 100)
    text = scan_text(file)
    chunks = [chunk for _, chunk in read_splits(text, 1.0, lambda _: None, 10, max_pretoken_characters=23)]
    assert [len(chunk) for chunk in chunks] == [25, 25, 25, 25, 0]
    assert "".join(chunks) == "é" * 100


def test_pretokens_shorter_than_the_limit_are_never_cut(file):
    file.write_text("é" * 22 + " " + "é" * 22)
    last_boundary = load_tokenizer("gpt2").last_boundary
    chunks = [
        chunk for _, chunk in read_splits(scan_text(file), 1.0, last_boundary, 10, max_pretoken_characters=24)
    ]
    assert chunks == ["é" * 22, " " + "é" * 22]


def test_a_text_is_scanned_a_chunk_at_a_time(file):
    content = "né ".encode() * 2**20  # 4 MiB
    file.write_bytes(content)
    calls: list[int] = []
    text = scan_text(file, lambda: calls.append(1))
    assert (text.characters, text.sha256) == (3 * 2**20, hashlib.sha256(content).hexdigest())
    assert len(calls) == len(content) // CHUNK_BYTES > 1


@pytest.mark.parametrize("chunk_bytes", [1, 2, 3, 4, 100])
def test_a_text_may_begin_after_its_files_first_bytes(file, chunk_bytes):
    file.write_bytes("\ufeffné\nab".encode())
    text = scan_text(file, start_bytes=3)
    assert (text.characters, text.sha256) == (5, hashlib.sha256(file.read_bytes()).hexdigest())
    read = {"train": "", "validation": ""}
    for split, chunk in read_splits(text, 0.6, len, chunk_bytes):
        read[split] += chunk
    assert read == {"train": "né\n", "validation": "ab"}


def test_a_wrong_byte_after_the_start_is_counted_from_the_files_first(file):
    file.write_bytes(b"\xef\xbb\xbfab\xff")
    with pytest.raises(ValueError, match="byte 5 is not"):
        scan_text(file, start_bytes=3)


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("content", "byte"), [(b"ab\xff", 2), ("né\n".encode() + b"\xe4\xbd", 4), (b"\xc3(", 0)]
)
def test_the_first_byte_that_is_not_utf8_is_named_wherever_the_text_was_cut(content, byte, size):
    chunks = [content[start : start + size] for start in range(0, len(content), size)]
    with pytest.raises(ValueError, match=f"must be UTF-8 text; byte {byte} is not"):
        list(decode_utf8(chunks))
