"""The training and the validation split of a text, at once or a chunk at a time.

A text is plain, or it consists of documents: then it is one file of them, each followed by `DOCUMENT_END`.

Torch-free: the service counts their tokens too.
"""

import codecs
import hashlib
import math
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Split = Literal["train", "validation"]

CHUNK_BYTES = 2**18
"""Some hundredths of a second of tokenising, so that a worker that gets a fiftieth of a core beside trainers
still gets on. Longer chunks are no faster."""
MAX_PRETOKEN_CHARACTERS = 4 * 2**20
"""After so many characters without a boundary a text is cut anyway. Encoding takes about 30 bytes for each
byte of a pre-token: 0.4 GB for one of this length in Chinese, and all memory there is for gigabytes without a
space."""
DOCUMENT_END = "\0"
"""Follows every document. No text that is stored holds it otherwise."""
CONTINUATION_BYTES = bytes(range(0x80, 0xC0))
"""Of UTF-8: every other byte begins a character."""


@dataclass(frozen=True)
class TextFile:
    """A text that has been read through once."""

    path: Path
    characters: int
    """The ends of documents are characters too."""
    sha256: str
    """Of the whole file."""
    start_bytes: int = 0
    """Bytes of the file before the text: those of a byte order mark."""
    documents: int = 0
    """0 if the text is plain."""
    last_document_start: int = 0
    """Characters before the last document."""


def split_text(text: str, train_ratio: float) -> tuple[str, str]:
    """Split by characters, not tokens, as the lecture does: the training text, then the validation text."""
    index = split_index(len(text), train_ratio)
    return text[:index], text[index:]


def split_index(characters: int, train_ratio: float) -> int:
    """How many of a text's characters are the training text."""
    return int(train_ratio * characters)


def scan_text(path: Path, on_chunk: Callable[[], object] = lambda: None, *, start_bytes: int = 0) -> TextFile:
    """Read a text through, a chunk at a time; `on_chunk` is called after each. It begins after `start_bytes`.

    raises  OSError; ValueError if it is not UTF-8
    """
    sha256 = hashlib.sha256()

    def text_bytes() -> Iterator[bytes]:
        skipped_bytes = start_bytes
        for chunk in read_chunks(path, CHUNK_BYTES):
            sha256.update(chunk)
            on_chunk()
            yield chunk[skipped_bytes:]
            skipped_bytes = 0

    characters = documents = last_start = 0
    last_end = -1
    for text in decode_utf8(text_bytes(), start_bytes):
        if (end := text.rfind(DOCUMENT_END)) != -1:
            end_before = text.rfind(DOCUMENT_END, 0, end)
            last_start = 1 + (last_end if end_before == -1 else characters + end_before)
            last_end = characters + end
            documents += text.count(DOCUMENT_END)
        characters += len(text)
    return TextFile(path, characters, sha256.hexdigest(), start_bytes, documents, last_start)


def last_document_start(path: Path, characters: int) -> int:
    """Characters before the last document of a text of so many characters, which consists of documents. Read
    from the end of the file, so that it takes as long as that document."""
    document_end = DOCUMENT_END.encode()
    with path.open("rb") as file:
        start = file.seek(-len(document_end), os.SEEK_END)  # before its own end
        last_characters = len(DOCUMENT_END)
        while start > 0:
            size_bytes = min(CHUNK_BYTES, start)
            start = file.seek(start - size_bytes)
            _, is_found, tail = file.read(size_bytes).rpartition(document_end)
            last_characters += len(tail.translate(None, CONTINUATION_BYTES))
            if is_found:
                break
    return characters - last_characters


def read_splits(
    text: TextFile,
    train_ratio: float,
    last_boundary: Callable[[str], int | None],
    chunk_bytes: int = CHUNK_BYTES,
    max_pretoken_characters: int = MAX_PRETOKEN_CHARACTERS,
) -> Iterator[tuple[Split, str]]:
    """The text in order, in chunks of about `chunk_bytes`, each with its split.

    A plain text is split by characters. Of documents, those are trained on that begin before `train_ratio` of
    the characters; but the last one is not. One alone is split by characters, as if it were plain. With 1
    nothing is split: all of it is the training text.

    last_boundary            of the `Tokenizer` by which the chunks' tokens are those of the whole split
    max_pretoken_characters  a chunk without a boundary grows until there is one, or to that many characters
    """
    split: Split = "train"
    pending: list[str] = []
    """What was read of the split since the last boundary."""
    texts = decode_utf8(read_chunks(text.path, chunk_bytes, text.start_bytes), text.start_bytes)
    for next_split, characters in label_splits(texts, text, train_ratio):
        if next_split != split:
            yield split, "".join(pending)
            split, pending = next_split, []
        boundary = last_cut(characters, last_boundary)
        if boundary is None:
            pending.append(characters)
            if sum(map(len, pending)) >= max_pretoken_characters:
                yield split, "".join(pending)
                pending = []
            continue
        yield split, "".join([*pending, characters[:boundary]])
        pending = [characters[boundary:]]
    yield split, "".join(pending)


def last_cut(text: str, last_boundary: Callable[[str], int | None]) -> int | None:
    """The last index at which tokens are divided whatever stands around `text`: `last_boundary`, or the end
    of a document behind it."""
    start = text.rfind(DOCUMENT_END) + 1
    boundary = last_boundary(text[start:])
    return start + boundary if boundary is not None else start or None


def label_splits(texts: Iterable[str], text: TextFile, train_ratio: float) -> Iterator[tuple[Split, str]]:
    """`texts`, which are those of `text`, each piece with its split."""
    if text.documents < 2 or train_ratio == 1:
        return label_characters(texts, split_index(text.characters, train_ratio))
    train_end = min(train_ratio * text.characters, text.last_document_start)
    return label_documents(texts, math.ceil(train_end))


def label_characters(texts: Iterable[str], train_characters: int) -> Iterator[tuple[Split, str]]:
    """The same characters, the first `train_characters` of them as the training split."""
    train_left = train_characters
    for text in texts:
        if train_left > 0:
            yield "train", text[:train_left]
        if train_left < len(text):
            yield "validation", text[train_left:]
        train_left = max(0, train_left - len(text))


def label_documents(texts: Iterable[str], least_characters: int) -> Iterator[tuple[Split, str]]:
    """The same documents, the first ones that make `least_characters` as the training split."""
    least_left = least_characters
    split: Split = "train"
    for text in texts:
        end = text.find(DOCUMENT_END, max(0, least_left - 1)) + 1 if split == "train" else 0
        least_left -= len(text)
        if end:
            yield "train", text[:end]
            split = "validation"
        yield split, text[end:]


def read_chunks(path: Path, chunk_bytes: int, start_bytes: int = 0) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start_bytes)
        while chunk := file.read(chunk_bytes):
            yield chunk


def decode_utf8(chunks: Iterable[bytes], start_bytes: int = 0) -> Iterator[str]:
    """UTF-8 as text, wherever it was cut into chunks.

    start_bytes  where in its file the first chunk begins
    raises       ValueError that says which byte of the file is not UTF-8
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    end_bytes = start_bytes

    def decode(chunk: bytes, *, final: bool = False) -> str:
        start = end_bytes - len(decoder.getstate()[0])  # half a character may be left of the chunk before
        try:
            return decoder.decode(chunk, final)
        except UnicodeDecodeError as error:
            raise ValueError(f"must be UTF-8 text; byte {start + error.start} is not") from error

    for chunk in chunks:
        yield decode(chunk)
        end_bytes += len(chunk)
    yield decode(b"", final=True)
