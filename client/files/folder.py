"""Folders that a command writes: whole, or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO
from zipfile import BadZipFile, ZipFile

from client.errors import ClientError, UsageError
from client.plain_text import one_line

COPY_BYTES = 2**20


@contextmanager
def new_folder(path: Path, *, replace: bool) -> Iterator[Path]:
    """An empty folder for the block to fill, which stands at `path` when the block ends, synced. If the block
    raises, nothing has changed. What lies beside it, in `folder.parent`, is deleted.

    replace  whether it may take the place of one with files of the same names, as an earlier export has them;
             without, only of an empty one
    raises   UsageError if `path` is taken, before the block and again after it; ClientError if it can't be
             written
    """
    target = path.resolve()
    try:
        check_free(path, replace=replace, names=None)
        target.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=target.parent, prefix=f".{target.name[:100]}.") as scratch:
            folder, old = Path(scratch, "new"), Path(scratch, "old")
            folder.mkdir()
            yield folder
            names = {entry.name for entry in folder.iterdir()}
            for entry in folder.iterdir():
                sync(entry)
            sync(folder)
            check_free(path, replace=replace, names=names)
            exchange(folder, target, old)
            sync(target.parent)
    except OSError as error:
        place = one_line(error.filename or path)
        raise ClientError(f"cannot write {place}: {error.strerror or error}") from error


def check_free(path: Path, *, replace: bool, names: set[str] | None) -> None:
    """raises  UsageError unless a folder with the files `names` may be put at `path`

    names  None: not known yet
    """
    if not (path.exists() or path.is_symlink()):
        return
    if not path.is_dir():
        raise UsageError(f"--to {one_line(path)}: is a file; give a folder, which is made if there is none")
    if Path.cwd().is_relative_to(path.resolve()):
        raise UsageError(
            f"--to {one_line(path)}: is where you are, and would be replaced; give another folder"
        )
    there = sorted(entry.name for entry in path.iterdir())
    if there and not replace:
        raise UsageError(f"--to {one_line(path)}: is not empty; --force replaces an earlier export")
    strangers = [name for name in there if names is not None and name not in names]
    if strangers:
        raise UsageError(
            f"--to {one_line(path)}: has files that no export wrote, such as {one_line(strangers[0])}; "
            "give another folder"
        )


def exchange(folder: Path, target: Path, old: Path) -> None:
    """Put `folder` at `target`; what is there becomes `old`, or comes back if that fails."""
    if not target.exists():
        folder.rename(target)
        return
    target.rename(old)
    try:
        folder.rename(target)
    except OSError:
        old.rename(target)
        raise


def unpack(archive: BinaryIO, folder: Path) -> None:
    """Write the files of a ZIP archive into `folder`. raises  ClientError for what the service never sends"""
    try:
        with ZipFile(archive) as opened:
            for info in opened.infolist():
                if info.filename in ("", ".", "..") or {"/", "\\", "\0"} & set(info.filename):
                    raise ClientError(f"the archive has a file called {one_line(info.filename)}")
                with opened.open(info) as source, (folder / info.filename).open("xb") as file:
                    shutil.copyfileobj(source, file, COPY_BYTES)
    except (BadZipFile, NotImplementedError) as error:
        raise ClientError(f"the archive that the service sent is damaged: {error}") from error


def sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
