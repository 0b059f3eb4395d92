"""The folder that a local stack keeps everything in, locked while it runs."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from client.errors import ClientError
from client.plain_text import one_line
from client.url_file import read_url
from jobs.files.layout import check_writable
from jobs.settings import Settings


@contextlib.contextmanager
def locked_data_folder(folder: Path) -> Iterator[None]:
    """Make `folder` unless it is there, for its owner alone, and hold its lock. The permissions of an old one
    are its owner's business.

    raises  ClientError if another service holds the lock, or if the folder can't be used
    """
    make_data_folder(folder)
    try:
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


def make_data_folder(folder: Path) -> None:
    """Make `folder` unless it is there, for its owner alone. raises  ClientError"""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ClientError(f"cannot use {one_line(folder)} as data folder: {error.strerror}") from error


def describe_owner(folder: Path) -> str:
    try:
        url = read_url(folder)
    except FileNotFoundError:
        url = None
    return " (it is starting or stopping)" if url is None else f", at {url.strip()}"


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
