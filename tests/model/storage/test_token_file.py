import errno
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from xxhash import xxh3_128

from model.data import Data, batches
from model.storage.splits import scan_text, split_text
from model.storage.stored_ids import TokenFile, open_tokens
from model.storage.token_file import HEADER_BYTES, TokenFileError, read_manifest, write_tokens
from model.tokenizers import TOKENIZERS, load_tokenizer
from tests.model.texts import TEXTS
from tests.model.tiny import CPU, TEXT, tiny_data, tiny_run


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("tokens")


def written(folder: Path, text: str, tokenizer: str = "bytes", train_ratio: float = 0.9, **options) -> Path:
    (folder / "text.txt").write_bytes(text.encode())
    path = folder / f"{tokenizer}.tokens"
    write_tokens(
        scan_text(folder / "text.txt"), path, load_tokenizer(tokenizer), train_ratio, threads=2, **options
    )
    return path


def opened(path: Path) -> TokenFile:
    return TokenFile(path, read_manifest(path))


def ids_of(path: Path) -> list[list[int]]:
    file = opened(path)
    return [split[:].tolist() for split in (file.train, file.validation)]


@pytest.mark.parametrize("name", sorted(TOKENIZERS))
@given(text=TEXTS, train_ratio=st.floats(0.01, 0.99), chunk_bytes=st.integers(1, 30))
@example(text="", train_ratio=0.5, chunk_bytes=1)
@example(text="it's  a\n\n b \n\n\n c's <|endoftext|> <|endoftext|>", train_ratio=0.9, chunk_bytes=4)
def test_tokens_of_the_chunks_are_those_of_one_call_on_each_split(
    shared, name, text, train_ratio, chunk_bytes
):
    ids = ids_of(written(shared, text, name, train_ratio, chunk_bytes=chunk_bytes))
    assert ids == [load_tokenizer(name).encode(split) for split in split_text(text, train_ratio)]


def test_many_chunks_keep_their_order(tmp_path):
    text = " ".join(str(number) for number in range(3000))
    path = written(tmp_path, text, "gpt2", 0.5, chunk_bytes=64)
    assert ids_of(path) == [load_tokenizer("gpt2").encode(split) for split in split_text(text, 0.5)]


def test_the_file_is_a_header_and_little_endian_tokens(tmp_path):
    path = written(tmp_path, "hello world", train_ratio=0.5)
    content = path.read_bytes()
    assert json.loads(content[:HEADER_BYTES]) == {
        "text_sha256": scan_text(tmp_path / "text.txt").sha256,
        "tokenizer": "bytes",
        "train_ratio": 0.5,
        "dtype": "uint16",
        "train_tokens": 5,
        "val_tokens": 6,
        "format": 1,
        "train_texts_ended": 0,
        "text_start_bytes": 0,
        "tokens_xxh3": xxh3_128(content[HEADER_BYTES:]).hexdigest(),
    }
    assert np.frombuffer(content[HEADER_BYTES:], "<u2").tolist() == list(b"hello world")


def test_a_vocabulary_beyond_two_bytes_takes_four(tmp_path):
    (tmp_path / "text.txt").write_text("ab")
    large = SimpleNamespace(
        name="large",
        vocab_size=2**16 + 1,
        end_of_text=2**16,
        last_boundary=len,
        encode_buffer=lambda text: np.array([2**16] * len(text), np.uint32).data,
    )
    write_tokens(scan_text(tmp_path / "text.txt"), tmp_path / "t", large, 0.5, threads=1)
    assert read_manifest(tmp_path / "t").dtype == "uint32"
    assert read_manifest(tmp_path / "t").train_texts_ended == 1
    assert ids_of(tmp_path / "t") == [[65536], [65536]]


def test_data_from_a_file_is_that_from_the_text(tmp_path):
    run = tiny_run()
    stored, whole = Data.from_file(opened(written(tmp_path, TEXT)), run), tiny_data(run)
    assert stored.sha256() == whole.sha256()
    order = torch.randperm(len(whole.train))
    for batch, expected in zip(
        batches(stored.train, order, 2, drop_last=True, device=CPU),
        batches(whole.train, order, 2, drop_last=True, device=CPU),
        strict=True,
    ):
        for ours, theirs in zip(batch, expected, strict=True):
            assert ours.dtype == torch.int64
            assert torch.equal(ours, theirs)


def test_a_file_of_too_few_tokens_is_refused_with_its_tokens(tmp_path):
    with pytest.raises(ValueError, match="the training text has 9 tokens"):
        Data.from_file(opened(written(tmp_path, "x" * 10)), tiny_run())


def test_only_the_file_of_the_same_text_and_tokenizer_is_opened(tmp_path):
    path = written(tmp_path, TEXT)
    identity = (scan_text(tmp_path / "text.txt").sha256, "bytes", 0.9)
    assert len(open_tokens(path, *identity).train) == int(0.9 * len(TEXT))
    for other in (("0", "bytes", 0.9), (identity[0], "gpt2", 0.9), (identity[0], "bytes", 0.8)):
        with pytest.raises(TokenFileError, match="other tokens"):
            open_tokens(path, *other)


def test_a_byte_order_mark_is_not_among_the_tokens(tmp_path):
    (tmp_path / "text.txt").write_bytes("\ufeffab cd".encode())
    text = scan_text(tmp_path / "text.txt", start_bytes=3)
    write_tokens(text, tmp_path / "t", load_tokenizer("bytes"), 0.6, threads=1)
    assert ids_of(tmp_path / "t") == [list(b"ab "), list(b"cd")]


def test_tokens_with_and_without_the_mark_are_not_taken_for_each_other(tmp_path):
    (tmp_path / "text.txt").write_bytes("\ufeffab cd".encode())
    for start_bytes, other in ((0, 3), (3, 0)):
        text = scan_text(tmp_path / "text.txt", start_bytes=start_bytes)
        write_tokens(text, tmp_path / "t", load_tokenizer("bytes"), 0.6, threads=1)
        assert open_tokens(tmp_path / "t", text.sha256, "bytes", 0.6, start_bytes)
        with pytest.raises(TokenFileError, match="other tokens"):
            open_tokens(tmp_path / "t", text.sha256, "bytes", 0.6, other)


def test_a_file_of_a_version_that_kept_the_mark_among_the_tokens_is_still_read(tmp_path):
    path = written(tmp_path, "\ufeffab")
    header = json.loads(path.read_bytes()[:HEADER_BYTES])
    del header["text_start_bytes"], header["train_texts_ended"], header["tokens_xxh3"]
    path.write_bytes(json.dumps(header).encode().ljust(HEADER_BYTES) + path.read_bytes()[HEADER_BYTES:])
    assert len(open_tokens(path, header["text_sha256"], "bytes", 0.9, 0).train) == 4


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda content: content[:-1], "bytes, not"),
        (lambda content: content + b"0", "bytes, not"),
        (lambda content: content[:100], "cannot be read"),
        (lambda content: b"", "cannot be read"),
        (lambda content: content.replace(b'"format": 1', b'"format": 2'), "format 2"),
        (lambda content: content.replace(b'"format"', b'"former"'), "cannot be read"),
        (lambda content: content.replace(b'"uint16"', b'"uint61"'), "cannot be read"),
        (lambda content: content.replace(b'"val_tokens": 16', b'"val_tokens": ""'), "cannot be read"),
        (lambda content: content.replace(b'"dtype"', b'"\xff"'), "cannot be read"),
    ],
)
def test_a_file_that_is_not_whole_is_refused(tmp_path, damage, reason):
    path = written(tmp_path, TEXT)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(TokenFileError, match=reason):
        read_manifest(path)


def test_a_flipped_bit_among_the_tokens_is_noticed_where_they_were_summed(tmp_path):
    path = written(tmp_path, TEXT)
    identity = (scan_text(tmp_path / "text.txt").sha256, "bytes", 0.9)
    content = bytearray(path.read_bytes())
    content[HEADER_BYTES + 20] ^= 1
    path.write_bytes(content)
    with pytest.raises(TokenFileError, match="is damaged"):
        open_tokens(path, *identity)
    header = json.loads(content[:HEADER_BYTES])
    del header["tokens_xxh3"]  # as earlier versions wrote it
    path.write_bytes(json.dumps(header).encode().ljust(HEADER_BYTES) + content[HEADER_BYTES:])
    assert len(open_tokens(path, *identity).train) == int(0.9 * len(TEXT))


def test_a_file_that_is_cut_off_while_it_is_read_is_noticed(tmp_path):
    path = written(tmp_path, TEXT)
    file = opened(path)
    os.truncate(path, HEADER_BYTES + 10)
    with pytest.raises(TokenFileError, match="has become shorter"):
        file.train[0:9]


def fail(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("place", ["on_chunk", "fsync"])
def test_what_fails_on_the_way_leaves_nothing(tmp_path, monkeypatch, place):
    if place == "fsync":
        monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        written(tmp_path, TEXT, on_chunk=fail if place == "on_chunk" else lambda: None)
    assert [file.name for file in tmp_path.iterdir()] == ["text.txt"]


def test_four_that_write_at_once_leave_one_whole_file(tmp_path):
    (tmp_path / "text.txt").write_text(TEXT)
    path, start = tmp_path / "bytes.tokens", threading.Barrier(4)

    def write() -> None:
        text = scan_text(tmp_path / "text.txt")
        start.wait()
        write_tokens(text, path, load_tokenizer("bytes"), 0.9, threads=2)

    with ThreadPoolExecutor(4) as pool:
        for writer in [pool.submit(write) for _ in range(4)]:
            writer.result()
    assert ids_of(path) == [list(split.encode()) for split in split_text(TEXT, 0.9)]
    assert {file.name for file in tmp_path.iterdir()} == {"text.txt", "bytes.tokens"}
