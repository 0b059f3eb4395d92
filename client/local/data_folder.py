"""The folder that a local stack keeps everything in, locked while it runs."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from client.address import url_file
from client.errors import ClientError
from client.plain_text import one_line
from jobs.files.layout import check_writable
from jobs.settings import Settings


@contextlib.contextmanager
def locked_data_folder(folder: Path) -> Iterator[None]:
    """Make `folder` unless it is there, for its owner alone, and hold its lock. The permissions of an old one
    are its owner's business.

    raises  ClientError if another service holds the lock, or if the folder can't be used
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = open(folder / "lock", "w")  # noqa: SIM115 - closed below; closing it is what unlocks
    except OSError as error:
        raise ClientError(f"cannot use {one_line(folder)} as data folder: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ClientError(
                f"a service already runs on {one_line(folder)}{describe_owner(folder)}"
            ) from error
        yield


def describe_owner(folder: Path) -> str:
    try:
        return f", at {url_file(folder).read_text().strip()}"
    except FileNotFoundError:
        return " (it is starting or stopping)"


def check_artifacts(settings: Settings) -> None:
    """ClientError if data sets and checkpoints could not be written."""
    try:
        check_writable(settings.artifacts)
    except OSError as error:
        source = "" if settings.artifacts_url is None else " (from PRETRAIN_ARTIFACTS_URL)"
        raise ClientError(
            f"data sets and checkpoints cannot be written in {one_line(settings.artifacts)}{source}: "
            f"{error.strerror}"
        ) from error
