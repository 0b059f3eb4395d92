"""The tokens of a text in a file, written once, a chunk at a time; `model.storage.stored_ids` reads them.

A file is `HEADER_BYTES` of JSON, padded with spaces, the tokens of the training split and those of the
validation split, little-endian. It is written atomically. Two processes that write the same file write the
same bytes: the later one replaces the earlier, which its readers keep open.

Torch-free: a worker that prepares texts has no use for it.
"""

import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from xxhash import xxh3_128

from model.storage.atomic import atomic_write
from model.storage.splits import CHUNK_BYTES, DOCUMENT_END, Split, TextFile, read_chunks, read_splits
from model.tokenizers import Tokenizer

FORMAT = 1
HEADER_BYTES = 4096
CHUNKS_PER_THREAD = 2
"""Chunks in flight: one that a thread encodes, one that it finds when it is done."""

DType = Literal["uint16", "uint32"]
EncodedChunk = tuple[Split, np.ndarray]
"""A chunk's split and its token ids (N,)."""


class TokenFileError(Exception):
    """A token file is missing, not whole, damaged or of another text or tokenizer."""


@dataclass(frozen=True)
class Manifest:
    """A token file's header."""

    text_sha256: str
    tokenizer: str
    train_ratio: float
    dtype: DType
    train_tokens: int
    val_tokens: int
    format: int = FORMAT
    train_texts_ended: int = 0
    """End-of-text tokens among `train_tokens`. Files of earlier versions have none and do not say so."""
    text_start_bytes: int = 0
    """Where the text begins in its file; in files of earlier versions at 0, byte order mark included."""
    tokens_xxh3: str | None = None
    """XXH3 of all tokens as they are stored; None in files of earlier versions, which are not checked."""

    @property
    def file_bytes(self) -> int:
        return HEADER_BYTES + np.dtype(self.dtype).itemsize * (self.train_tokens + self.val_tokens)


def read_manifest(path: Path) -> Manifest:
    """raises TokenFileError"""
    try:
        with path.open("rb") as file:
            manifest = Manifest(**json.loads(file.read(HEADER_BYTES)))
            size_bytes = os.fstat(file.fileno()).st_size
        expected_bytes = manifest.file_bytes
    except (OSError, TypeError, ValueError) as error:
        raise TokenFileError(f"{path} cannot be read: {error}") from error
    if manifest.format != FORMAT:
        raise TokenFileError(f"{path} has format {manifest.format}, not {FORMAT}")
    if size_bytes != expected_bytes:
        raise TokenFileError(f"{path} has {size_bytes} bytes, not {expected_bytes}")
    return manifest


def check_tokens(path: Path, manifest: Manifest, on_chunk: Callable[[], object]) -> None:
    """Read all tokens; TokenFileError if they are not those that were written."""
    hasher = xxh3_128()
    try:
        for chunk in read_chunks(path, CHUNK_BYTES, HEADER_BYTES):
            hasher.update(chunk)
            on_chunk()
    except OSError as error:
        raise TokenFileError(f"{path} cannot be read: {error}") from error
    if manifest.tokens_xxh3 not in (None, hasher.hexdigest()):
        raise TokenFileError(f"{path} is damaged: its tokens are not those that were written")


def checked_manifest(
    path: Path,
    text_sha256: str,
    tokenizer: str,
    train_ratio: float,
    text_start_bytes: int = 0,
    on_chunk: Callable[[], object] = lambda: None,
) -> Manifest:
    """Of the token file at `path`; TokenFileError if it is not whole, damaged or of another text."""
    manifest = read_manifest(path)
    source = (manifest.text_sha256, manifest.tokenizer, manifest.train_ratio, manifest.text_start_bytes)
    if source != (text_sha256, tokenizer, train_ratio, text_start_bytes):
        raise TokenFileError(f"{path} has other tokens: {manifest}")
    check_tokens(path, manifest, on_chunk)
    return manifest


def write_tokens(
    text: TextFile,
    path: Path,
    tokenizer: Tokenizer,
    train_ratio: float,
    *,
    threads: int,
    on_chunk: Callable[[], object] = lambda: None,
    chunk_bytes: int = CHUNK_BYTES,
) -> Manifest:
    """Tokenise both splits of `text` into a file at `path`, whole or not at all; returns its header. Behind
    each document stands an end-of-text token.

    threads   that encode; tiktoken releases the interpreter's lock
    on_chunk  called in this thread after each chunk is written; what it raises ends the writing
    raises    OSError; ValueError if the text is not UTF-8
    """
    dtype: DType = "uint16" if tokenizer.vocab_size <= 2**16 else "uint32"
    counts: dict[Split, int] = {"train": 0, "validation": 0}
    ended = dict(counts)
    checksum = xxh3_128()
    chunks = read_splits(text, train_ratio, tokenizer.last_boundary, chunk_bytes)

    with atomic_write(path) as file, ThreadPoolExecutor(threads) as pool:
        file.write(b" " * HEADER_BYTES)  # overwritten at the end, when the counts are known
        for split, ids in encode_in_order(chunks, tokenizer, dtype, pool, CHUNKS_PER_THREAD * threads):
            file.write(ids.data)
            checksum.update(ids.data)
            counts[split] += len(ids)
            ended[split] += int(np.count_nonzero(ids == tokenizer.end_of_text))
            on_chunk()
        manifest = Manifest(
            text.sha256,
            tokenizer.name,
            train_ratio,
            dtype,
            counts["train"],
            counts["validation"],
            train_texts_ended=ended["train"],
            text_start_bytes=text.start_bytes,
            tokens_xxh3=checksum.hexdigest(),
        )
        file.seek(0)
        file.write(json.dumps(asdict(manifest)).encode())
    return manifest


def encode_in_order(
    chunks: Iterable[tuple[Split, str]],
    tokenizer: Tokenizer,
    dtype: DType,
    pool: ThreadPoolExecutor,
    max_in_flight: int,
) -> Iterator[EncodedChunk]:
    """The tokens of the chunks in their order, while the pool encodes those that follow. The end of a
    document is the end-of-text token."""
    stored_dtype = np.dtype(dtype).newbyteorder("<")
    end_of_text = np.array([tokenizer.end_of_text], stored_dtype)

    def encode(split: Split, text: str) -> EncodedChunk:
        first, *others = (encode_plain(document) for document in text.split(DOCUMENT_END))
        if not others:
            return split, first
        return split, np.concatenate([first, *(part for ids in others for part in (end_of_text, ids))])

    def encode_plain(text: str) -> np.ndarray:
        return np.asarray(tokenizer.encode_buffer(text)).astype(stored_dtype)

    in_flight: deque[Future[EncodedChunk]] = deque()
    for split, text in chunks:
        in_flight.append(pool.submit(encode, split, text))
        if len(in_flight) > max_in_flight:
            yield in_flight.popleft().result()
    while in_flight:
        yield in_flight.popleft().result()
