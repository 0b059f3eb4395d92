"""The store of artifacts that are named by their content: one file for each, however many rows have it.

What arrives is written beside the others, under a hidden name, and takes its place in the transaction that
lists it. What no row needs any more is released, and then removed by whoever released it, or by the keeper.
Whoever places or removes an artifact holds a lock of its name: neither happens behind the other's back.
"""

import hashlib
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import InstrumentedAttribute, Session

from jobs.files.layout import dataset_path, tokenizer_path, tokens_directory
from jobs.store.database import Database, insert_if_absent, lock_name
from jobs.store.tables import Dataset, TextRemoval, TokenizerRemoval, TrainedTokenizer
from model.storage.atomic import sync

log = logging.getLogger(__name__)


def nothing_derived(artifacts: Path, sha256: str) -> bool:
    return True


@dataclass(frozen=True)
class Kind:
    """Of artifacts."""

    path: Callable[[Path, str], Path]
    """Where one lies, from `artifacts` and its sha256."""
    listed: InstrumentedAttribute[str] | InstrumentedAttribute[str | None]
    """The column that lists them."""
    removals: type[TextRemoval] | type[TokenizerRemoval]
    """The table of those that are released, or that are about to be listed."""
    remove_derived: Callable[[Path, str], bool] = nothing_derived
    """Deletes what was made of one; returns whether nothing more of it is to come."""

    def directory(self, artifacts: Path) -> Path:
        return self.path(artifacts, "").parent

    def is_listed(self, session: Session, sha256: str) -> bool:
        return session.execute(select(self.listed).where(self.listed == sha256)).first() is not None


def remove_tokens(artifacts: Path, sha256: str) -> bool:
    """Delete the token files of a text; returns whether none is being written any more."""
    folder = tokens_directory(artifacts)
    for file in folder.glob(f"{sha256}-*"):
        file.unlink(missing_ok=True)
    return not any(folder.glob(f".{sha256}-*"))


TEXTS = Kind(dataset_path, Dataset.sha256, TextRemoval, remove_tokens)
"""Of data sets."""
TOKENIZERS = Kind(tokenizer_path, TrainedTokenizer.sha256, TokenizerRemoval)
"""That were trained here, each a `tokenizer.json`; their sha256 is that of their ranks."""
KINDS = (TEXTS, TOKENIZERS)


class PartialFile:
    """A file that is being written."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self.bytes = 0
        self._file = file
        self._digest = hashlib.sha256()

    def write(self, piece: bytes) -> None:
        self._file.write(piece)
        self._digest.update(piece)
        self.bytes += len(piece)

    def sync(self) -> None:
        """Make it survive a power failure."""
        self._file.flush()
        os.fsync(self._file.fileno())

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


@contextmanager
def partial_file(artifacts: Path, kind: Kind) -> Iterator[PartialFile]:
    """A file for the block to write, to sync and to place; otherwise nothing of it is left."""
    path = hidden_path(artifacts, kind)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("wb") as file:
            yield PartialFile(path, file)
    finally:
        path.unlink(missing_ok=True)


def hidden_path(artifacts: Path, kind: Kind) -> Path:
    """For what arrives or goes; the keeper deletes what a crash leaves of it (`sweep_partial_files`)."""
    return kind.directory(artifacts) / f".{os.getpid()}-{os.urandom(8).hex()}"


def release(session: Session, kind: Kind, sha256: str) -> None:
    """Have it removed, unless a row lists it: a row that did is gone, or one is about to, and should its
    process die before, nobody else would remove the file."""
    insert_if_absent(session, kind.removals, {"sha256": sha256})


def place(session: Session, artifacts: Path, kind: Kind, file: PartialFile, sha256: str) -> None:
    """Put the file, which is synced, where it belongs, for the transaction to list it. raises OSError"""
    lock_name(session, sha256)
    file.path.replace(kind.path(artifacts, sha256))  # what was there may be damaged
    sync(file.path.parent)
    session.execute(delete(kind.removals).where(kind.removals.sha256 == sha256))


@contextmanager
def placed(database: Database, artifacts: Path, kind: Kind, file: PartialFile) -> Iterator[Session]:
    """A transaction in which the file, synced, lies where it belongs, for the block to list it. If that
    fails, the file goes again, unless it was there before or another row lists it by then."""
    sha256 = file.sha256
    existed = kind.path(artifacts, sha256).exists()
    if not existed:
        with database.write() as session:
            release(session, kind, sha256)
    try:
        with database.write() as session:
            place(session, artifacts, kind, file, sha256)
            yield session
    except BaseException:
        if not existed:
            remove_unless_listed(database, artifacts, kind, sha256)
        raise


def remove_unless_listed(database: Database, artifacts: Path, kind: Kind, sha256: str) -> None:
    """Remove what could not be listed; if the database does not answer, the keeper does it later."""
    try:
        remove(database, artifacts, kind, sha256)
    except SQLAlchemyError as error:
        log.warning("%s is removed later: %s", kind.path(artifacts, sha256).name, error)


def remove_released(database: Database, artifacts: Path, kind: Kind) -> None:
    """Remove all that is released, with what was made of it. After a crash the next call goes on."""
    with database.read() as session:
        released = list(session.scalars(select(kind.removals.sha256)))
    for sha256 in released:
        remove(database, artifacts, kind, sha256)


def remove(database: Database, artifacts: Path, kind: Kind, sha256: str) -> None:
    """Remove an artifact that is released, and what was made of it, if no row lists it."""
    hidden = hidden_path(artifacts, kind)
    with database.write() as session:
        lock_name(session, sha256)
        is_listed = kind.is_listed(session, sha256)
        if not is_listed:
            hide(kind.path(artifacts, sha256), hidden)
        if is_listed or kind.remove_derived(artifacts, sha256):
            session.execute(delete(kind.removals).where(kind.removals.sha256 == sha256))
    hidden.unlink(missing_ok=True)


def hide(path: Path, hidden: Path) -> None:
    """Give a file, if it is there, the name under which it can be deleted when the transaction is over: that
    takes long for many gigabytes."""
    if path.exists():
        path.replace(hidden)
        os.utime(hidden)
