"""Files of texts, as the stream that is sent of them: one plain text, or documents as NDJSON.

All of it is generators: of files of any size, packed or not, a few blocks are in memory.
"""

import gzip
import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from client.errors import UsageError
from client.files.input import STDIN, opened, shown_name
from jobs.files.documents import MAX_LINE_BYTES, TEXT_FIELD
from jobs.settings import MAX_DATASET_BYTES
from jobs.validation.quoting import quoted

PLAIN, NDJSON = "text/plain", "application/x-ndjson"
BLOCK_BYTES = 256 * 1024
PACKED = ".gz"
LINES = (".jsonl", ".ndjson")
PARQUET = ".parquet"
SUFFIXES = (".txt", ".txt.gz", *LINES, *(suffix + PACKED for suffix in LINES), PARQUET)
"""Of the files that a folder is searched for."""
ROWS_PER_BATCH = 1000

OnRead = Callable[[int], object]
"""Called with the bytes that have been read of a file, packed as they are there."""


@dataclass
class TextFiles:
    """What is sent of one or several files."""

    files: Sequence[Path]
    media_type: str
    text_field: str
    as_it_is: bool
    """One file, sent as it is but for being unpacked."""
    first_lines: list[tuple[int, Path]] = field(default_factory=list)
    """Of each file that has been begun, which line of the stream is its first."""

    @property
    def bytes_on_disk(self) -> int | None:
        """Of all files; None where standard input is one."""
        if STDIN in self.files:
            return None
        return sum(file.stat().st_size for file in self.files if file.is_file())

    @property
    def body_bytes(self) -> int | None:
        """Of the stream, if that is known beforehand."""
        file = self.files[0]
        return self.bytes_on_disk if self.as_it_is and not is_packed(file) and file.is_file() else None

    def blocks(self, on_read: OnRead) -> Iterator[bytes]:
        """raises  UsageError for a file that can't be read, or is not what its name says"""
        if self.as_it_is:
            return bounded(file_blocks(self.files[0], on_read))
        return bounded(self._lines(on_read))

    def file_and_line(self, line: int) -> tuple[Path, int]:
        """Where a line of the stream comes from."""
        first, file = max(
            (begun for begun in self.first_lines if begun[0] <= line), default=(1, self.files[0])
        )
        return file, line - first + 1

    def _lines(self, on_read: OnRead) -> Iterator[bytes]:
        line = 1
        for file in self.files:
            self.first_lines.append((line, file))
            for block in self._documents(file, on_read):
                line += block.count(b"\n")
                yield block

    def _documents(self, file: Path, on_read: OnRead) -> Iterator[bytes]:
        """A file's documents, each on a line that is ended."""
        if is_parquet(file):
            yield from parquet_lines(file, self.text_field, on_read)
        elif is_lines(file):
            last = b"\n"
            for block in file_blocks(file, on_read):
                yield block
                last = block[-1:]
            if last != b"\n":
                yield b"\n"
        else:
            yield document_line(whole_text(file, on_read), self.text_field)


def find_text_files(given: Sequence[Path], text_field: str | None) -> TextFiles:
    """What `given`, files and folders, are sent as.

    text_field  the member or column that has the text of each document; None: `text`. Where it is given, a
                file of any name, or standard input, has documents a line
    raises      UsageError
    """
    files = [file for path in given for file in (files_in(path) if path.is_dir() else [path])]
    if len(files) > 1 and STDIN in files:
        raise UsageError("standard input can't be sent together with files")
    # A text that was found in a folder is a document, also where it is the only one.
    as_it_is = len(files) == 1 and not is_parquet(files[0]) and (files == list(given) or is_lines(files[0]))
    is_plain = as_it_is and text_field is None and not is_lines(files[0])
    return TextFiles(files, PLAIN if is_plain else NDJSON, text_field or TEXT_FIELD, as_it_is)


def files_in(folder: Path) -> list[Path]:
    """Those below the folder whose names say that they are texts, in the order of their names."""
    found = [
        Path(directory) / name
        for directory, _, names in os.walk(folder)
        for name in names
        if name.lower().endswith(SUFFIXES) and not name.startswith(".")
    ]
    if not found:
        raise UsageError(f"{shown_name(folder)}: the folder has no file that ends in {', '.join(SUFFIXES)}")
    return sorted(found)


def stem_of(path: Path) -> str:
    """A name without what says its format: `corpus` of `corpus.jsonl.gz`."""
    if path.is_dir():
        return path.resolve().name
    return Path(path.stem).stem if is_packed(path) else path.stem


def is_packed(file: Path) -> bool:
    return file.suffix.lower() == PACKED


def is_lines(file: Path) -> bool:
    return file.name.lower().removesuffix(PACKED).endswith(LINES)


def is_parquet(file: Path) -> bool:
    return file.suffix.lower() == PARQUET


def bounded(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The blocks; UsageError when they are too many: a gzip file may unpack to a thousand times its size."""
    sent_bytes = 0
    for block in blocks:
        sent_bytes += len(block)
        if sent_bytes > MAX_DATASET_BYTES:
            raise UsageError(
                f"the text has more than {MAX_DATASET_BYTES:,} bytes once it is unpacked, the most that a "
                "service takes by default (PRETRAIN_MAX_DATASET_BYTES)"
            )
        yield block


def file_blocks(file: Path, on_read: OnRead) -> Iterator[bytes]:
    """The content, unpacked where it is packed. raises  UsageError"""
    with opened(file) as stream:
        packed = is_packed(file) and file != STDIN
        content = cast(BinaryIO, gzip.GzipFile(fileobj=stream)) if packed else stream
        read_bytes = 0
        while block := unpacked_block(content, file) if packed else content.read(BLOCK_BYTES):
            position = stream.tell() if packed else read_bytes + len(block)
            on_read(position - read_bytes)
            read_bytes = position
            yield block


def unpacked_block(content: BinaryIO, file: Path) -> bytes:
    try:
        return content.read(BLOCK_BYTES)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UsageError(f"{shown_name(file)}: is no whole gzip file: {error}") from error


def whole_text(file: Path, on_read: OnRead) -> str:
    """A file that is one document. raises  UsageError"""
    blocks, size_bytes = [], 0
    for block in file_blocks(file, on_read):
        blocks.append(block)
        size_bytes += len(block)
        if size_bytes > MAX_LINE_BYTES:
            raise UsageError(
                f"{shown_name(file)}: is longer than {MAX_LINE_BYTES:,} bytes, too long for one document "
                "among others; add it alone, as plain text"
            )
    try:
        return b"".join(blocks).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{shown_name(file)}: must be UTF-8 text; byte {error.start:,} is not") from error


def document_line(text: str, text_field: str) -> bytes:
    return json.dumps({text_field: text}).encode() + b"\n"


def parquet_lines(file: Path, text_field: str, on_read: OnRead) -> Iterator[bytes]:
    """The texts of a column. raises  UsageError"""
    try:
        import pyarrow
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise UsageError(
            f"{shown_name(file)}: reading Parquet takes the package pyarrow: pip install 'pretrain[parquet]'"
        ) from error
    with opened(file):  # says what keeps it from being read
        pass
    try:
        with ParquetFile(file) as table:
            columns = table.schema_arrow.names
            if text_field not in columns:
                names = ", ".join(map(quoted, columns))
                raise UsageError(
                    f"{shown_name(file)}: has no column {quoted(text_field)}, only {names}; "
                    "--text-field says which one has the text"
                )
            for batch in table.iter_batches(ROWS_PER_BATCH, columns=[text_field]):
                texts = batch.column(0).to_pylist()
                yield b"".join(document_line(text, text_field) for text in texts)
    except pyarrow.ArrowException as error:
        raise UsageError(f"{shown_name(file)}: is no whole Parquet file: {error}") from error
    on_read(file.stat().st_size)
