"""The files that hold the texts of data sets, one for each content, however many data sets have it.

A text that arrives is written beside them, under a hidden name, and takes its place in the transaction that
lists it. Whoever places or removes a text holds a lock of its content: neither happens behind the other's
back.
"""

import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from jobs.files.layout import dataset_path, datasets_directory, tokens_directory
from jobs.store.database import Database, insert_if_absent, lock_name
from jobs.store.tables import Dataset, TextRemoval
from model.storage.atomic import sync

log = logging.getLogger(__name__)


class PartialText:
    """A text that is being written."""

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
def partial_text(artifacts: Path) -> Iterator[PartialText]:
    """A text for the block to write, and to place; otherwise nothing of it is left."""
    path = hidden_path(artifacts)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("wb") as file:
            yield PartialText(path, file)
    finally:
        path.unlink(missing_ok=True)


def hidden_path(artifacts: Path) -> Path:
    """For what arrives or goes; the keeper deletes what a crash leaves of it (`sweep_partial_files`)."""
    return datasets_directory(artifacts) / f".{os.getpid()}-{os.urandom(8).hex()}"


@contextmanager
def text_placed(database: Database, artifacts: Path, text: PartialText) -> Iterator[Session]:
    """A transaction in which the text, synced, lies where it belongs, for the block to list it. If that
    fails, the text goes again, unless it was there before or another data set has it by then."""
    path = dataset_path(artifacts, text.sha256)
    existed = path.exists()
    if not existed:  # should this process die before the text is listed, the keeper removes it
        with database.write() as session:
            insert_if_absent(session, TextRemoval, {"sha256": text.sha256})
    try:
        with database.write() as session:
            lock_name(session, text.sha256)
            text.path.replace(path)  # what was there may be damaged
            sync(path.parent)
            session.execute(delete(TextRemoval).where(TextRemoval.sha256 == text.sha256))
            yield session
    except BaseException:
        if not existed:
            remove_unless_listed(database, artifacts, text.sha256)
        raise


def remove_unless_listed(database: Database, artifacts: Path, sha256: str) -> None:
    """Remove a text that could not be listed; if the database does not answer, the keeper does it later."""
    try:
        remove_text(database, artifacts, sha256)
    except SQLAlchemyError as error:
        log.warning("the text %s is removed later: %s", sha256, error)


def remove_text(database: Database, artifacts: Path, sha256: str) -> None:
    """Remove a text that is in `text_removals`, and its tokens, if no data set has it any more. After a crash
    it can be called again."""
    with database.write() as session:
        removed = hide_unless_listed(session, artifacts, sha256)
        is_listed = is_text_listed(session, sha256)
        if is_listed or remove_tokens(artifacts, sha256):
            session.execute(delete(TextRemoval).where(TextRemoval.sha256 == sha256))
    removed.unlink(missing_ok=True)


def hide_unless_listed(session: Session, artifacts: Path, sha256: str) -> Path:
    """Give the file a hidden name, under which it can be deleted when the transaction is over: that takes
    long for many gigabytes. There may be no file of that name."""
    lock_name(session, sha256)
    hidden, path = hidden_path(artifacts), dataset_path(artifacts, sha256)
    if path.exists() and not is_text_listed(session, sha256):
        path.replace(hidden)
        os.utime(hidden)
    return hidden


def is_text_listed(session: Session, sha256: str) -> bool:
    """Whether a data set has it."""
    return session.scalars(select(Dataset.id).where(Dataset.sha256 == sha256)).first() is not None


def remove_tokens(artifacts: Path, sha256: str) -> bool:
    """Delete the token files of a text; returns whether none is being written any more."""
    folder = tokens_directory(artifacts)
    for file in folder.glob(f"{sha256}-*"):
        file.unlink(missing_ok=True)
    return not any(folder.glob(f".{sha256}-*"))
