"""Atomic writes: files that survive a crash, whole or not at all. Torch-free: the record writes some too."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """A file that takes its place at `path`, synced, when the block ends; if it raises, nothing has changed.

    Two processes may write the same file: the later one replaces the earlier.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}")
    try:
        with partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    sync(path.parent)


def unfinished_directory(directory: Path) -> Path:
    """Where a directory is written before it takes its place at `directory`. A crash may leave it."""
    return directory.with_name(f".tmp-{directory.name}")


def sync(path: Path) -> None:
    """Make a file's content, or the names in a directory, survive a power failure."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
