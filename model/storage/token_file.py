"""The tokens of a text in a file: written once, a piece at a time, and read as slices.

A file is `HEADER_BYTES` of JSON, padded with spaces, the tokens of the training text and those of the
validation text, little-endian. It is written under a temporary name beside its place, synced and renamed. Two
processes that write the same file write the same bytes: the later one replaces the earlier, which its readers
keep open.

Slices are read, not mapped: mapped pages would count as the trainer's memory, up to the size of the file.
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
import torch
from torch import Tensor
from xxhash import xxh3_128

from model.storage.atomic import atomic_write
from model.storage.splits import PIECE_BYTES, Split, TextFile, read_contents, read_pieces
from model.tokenizers import Tokenizer

FORMAT = 1
HEADER_BYTES = 4096
AHEAD = 2
"""Pieces under way for each thread: one that it encodes, one for it to go on with."""

DType = Literal["uint16", "uint32"]
Encoded = tuple[Split, np.ndarray]


class TokenFileError(Exception):
    """There is no such token file, or it is not whole or not the one that is wanted."""


@dataclass(frozen=True)
class Manifest:
    """What the header says."""

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
    """Where the text begins in its file; for earlier versions at the start, byte order mark and all."""
    tokens_xxh3: str | None = None
    """XXH3 of all tokens as they are stored; None in files of earlier versions, which are believed."""

    @property
    def file_bytes(self) -> int:
        return HEADER_BYTES + np.dtype(self.dtype).itemsize * (self.train_tokens + self.val_tokens)


class StoredIds:
    """Consecutive tokens of a file; slices of them are (N,) int64. The file is kept open."""

    def __init__(self, path: Path, dtype: DType, start_bytes: int, count: int) -> None:
        self._file = path.open("rb", buffering=0)
        self._dtype = np.dtype(dtype).newbyteorder("<")
        self._start_bytes = start_bytes
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, tokens: slice) -> Tensor:
        start, stop, step = tokens.indices(self._count)
        if step != 1:
            raise ValueError("only consecutive tokens can be read")
        wanted = max(0, stop - start) * self._dtype.itemsize
        content = os.pread(self._file.fileno(), wanted, self._start_bytes + start * self._dtype.itemsize)
        if len(content) < wanted:
            raise TokenFileError(f"{self._file.name} has become shorter")
        return torch.from_numpy(np.frombuffer(content, self._dtype).astype(np.int64))


class TokenFile:
    """A whole token file, checked by its header and its size."""

    def __init__(self, path: Path) -> None:
        """raises TokenFileError"""
        self.manifest = manifest = read_manifest(path)
        item_bytes = np.dtype(manifest.dtype).itemsize
        border_bytes = HEADER_BYTES + item_bytes * manifest.train_tokens
        self.train = StoredIds(path, manifest.dtype, HEADER_BYTES, manifest.train_tokens)
        self.validation = StoredIds(path, manifest.dtype, border_bytes, manifest.val_tokens)


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


def check_tokens(path: Path, manifest: Manifest) -> None:
    """Read all tokens; TokenFileError if they are not those that were written."""
    found = xxh3_128()
    try:
        for content in read_contents(path, PIECE_BYTES, HEADER_BYTES):
            found.update(content)
    except OSError as error:
        raise TokenFileError(f"{path} cannot be read: {error}") from error
    if manifest.tokens_xxh3 not in (None, found.hexdigest()):
        raise TokenFileError(f"{path} is damaged: its tokens are not those that were written")


def open_tokens(
    path: Path, text_sha256: str, tokenizer: str, train_ratio: float, text_start_bytes: int = 0
) -> TokenFile:
    """The token file at `path`; TokenFileError if it is not whole, damaged or of something else."""
    file = TokenFile(path)
    found = file.manifest
    if (found.text_sha256, found.tokenizer, found.train_ratio, found.text_start_bytes) != (
        text_sha256,
        tokenizer,
        train_ratio,
        text_start_bytes,
    ):
        raise TokenFileError(f"{path} has other tokens: {found}")
    check_tokens(path, found)
    return file


def write_tokens(
    text: TextFile,
    path: Path,
    tokenizer: Tokenizer,
    train_ratio: float,
    *,
    threads: int,
    on_piece: Callable[[], object] = lambda: None,
    piece_bytes: int = PIECE_BYTES,
) -> None:
    """Tokenise both parts of `text` into a file at `path`, whole or not at all.

    threads   that encode; tiktoken lets them run at the same time
    on_piece  called in this thread whenever a piece has been written; what it raises ends the writing
    raises    OSError; ValueError if the text is not UTF-8
    """
    dtype: DType = "uint16" if tokenizer.vocab_size <= 2**16 else "uint32"
    counts: dict[Split, int] = {"train": 0, "validation": 0}
    ended = dict(counts)
    checksum = xxh3_128()
    pieces = read_pieces(text, train_ratio, tokenizer.last_cut, piece_bytes)

    with atomic_write(path) as file, ThreadPoolExecutor(threads) as pool:
        file.write(b" " * HEADER_BYTES)
        for part, ids in encoded(pieces, tokenizer, dtype, pool, AHEAD * threads):  # ids (N,)
            file.write(ids.data)
            checksum.update(ids.data)
            counts[part] += len(ids)
            ended[part] += int(np.count_nonzero(ids == tokenizer.end_of_text))
            on_piece()
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


def encoded(
    pieces: Iterable[tuple[Split, str]],
    tokenizer: Tokenizer,
    dtype: DType,
    pool: ThreadPoolExecutor,
    ahead: int,
) -> Iterator[Encoded]:
    """The tokens of the pieces in their order, `ahead` of them under way at once."""
    stored = np.dtype(dtype).newbyteorder("<")

    def encode(part: Split, piece: str) -> Encoded:
        return part, np.asarray(tokenizer.encode_buffer(piece)).astype(stored)

    under_way: deque[Future[Encoded]] = deque()
    for part, piece in pieces:
        under_way.append(pool.submit(encode, part, piece))
        if len(under_way) > ahead:
            yield under_way.popleft().result()
    while under_way:
        yield under_way.popleft().result()
