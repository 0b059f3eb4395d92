"""A bar of what has been read of files that are being sent."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

from client.display.table import console


@contextmanager
def upload_bar(stream: IO[str], total_bytes: int | None) -> Iterator[Callable[[int], None]]:
    """Shown while the block runs, where `stream` is a terminal; yields what is to be called with the bytes
    that have been read.

    total_bytes  None if that is not known
    """
    screen = console(stream)
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_interactive) as progress:
        task = progress.add_task("", total=total_bytes)
        yield lambda read_bytes: progress.advance(task, read_bytes)
