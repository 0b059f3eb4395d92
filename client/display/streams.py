"""Standard output and error of a command: whole in every encoding; what can't be written is told in words."""

import errno
import io
import os
import select
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from typing_extensions import Buffer

STDIN, STDOUT, STDERR = 0, 1, 2


class OutputLost(Exception):
    """Standard output takes no more. Not an OSError, which rich and typer would catch and answer themselves.

    reader_left  its reader has closed it, as `head` does once it has enough
    reason       what the system says
    """

    def __init__(self, error: OSError) -> None:
        super().__init__(error)
        self.reader_left = error.errno == errno.EPIPE
        self.reason = error.strerror or "it failed"


class Stdout(io.FileIO):
    """The file behind standard output, which raises OutputLost when it can't be written."""

    def write(self, data: "Buffer") -> int:
        try:
            return write_patiently(self, data)
        except OSError as error:
            discard(self.fileno())
            raise OutputLost(error) from error


class Stderr(io.FileIO):
    """The file behind standard error. When it can't be written there is nobody left to tell."""

    def write(self, data: "Buffer") -> int:
        try:
            return write_patiently(self, data)
        except OSError:
            discard(self.fileno())
            return io.FileIO.write(self, data) or 0


def write_patiently(file: io.FileIO, data: "Buffer") -> int:
    """Write some of `data`; bytes written. Waits where the file does not block by itself."""
    while True:
        written: int | None = io.FileIO.write(file, data)
        if written is not None:
            return written
        select.select([], [file], [])


def discard(descriptor: int) -> None:
    """Let all that is still to be written there, also by the interpreter's exit, go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def guard_streams() -> bool:
    """Make `sys.stdout` and `sys.stderr` of this process such streams; False if a test has replaced them.

    A character that their encoding lacks is written as its code point: `\\u2026`.
    """
    if sys.stdout is not sys.__stdout__ or sys.stderr is not sys.__stderr__:
        return False
    open_what_is_closed()
    sys.stdout = guarded(Stdout(STDOUT, "wb", closefd=False), sys.stdout)
    sys.stderr = guarded(Stderr(STDERR, "wb", closefd=False), sys.stderr)
    return True


def guarded(file: io.FileIO, before: TextIO | None) -> TextIO:
    """A text stream on `file`, with the encoding and the buffering of the one `before` it."""
    return io.TextIOWrapper(
        io.BufferedWriter(file),
        encoding=before.encoding if before else None,
        errors="backslashreplace",
        line_buffering=getattr(before, "line_buffering", False),
        write_through=getattr(before, "write_through", False),
    )


def open_what_is_closed() -> None:
    """Open nowhere in place of a standard stream that is closed (`>&-`), lest a socket take its number."""
    for descriptor in (STDIN, STDOUT, STDERR):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def can_show(text: str, stream: TextIO) -> bool:
    """Whether the stream's encoding has every character of `text`."""
    try:
        text.encode(stream.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
