"""A bar of what has been read of files that are being sent."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from client.display.table import console


class UploadBar:
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def begin(self, total_bytes: int | None) -> None:
        """
        total_bytes  that will be read; None if that is not known
        """
        self._progress.update(self._task, total=total_bytes)

    def advance(self, read_bytes: int) -> None:
        self._progress.advance(self._task, read_bytes)


@contextmanager
def upload_bar(stream: IO[str]) -> Iterator[UploadBar]:
    """Shown while the block runs, where `stream` is a terminal."""
    screen = console(stream)
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_interactive) as progress:
        yield UploadBar(progress, progress.add_task("", total=None))
