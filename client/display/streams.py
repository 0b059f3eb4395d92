"""Standard output and error of a command: usable in every encoding, and lost output is an error."""

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
    """Standard output can't be written any more. No OSError, because rich and typer would handle that
    themselves.

    is_closed_pipe  its reader has closed it, as `head` does once it has enough
    reason          the operating system's
    """

    def __init__(self, error: OSError) -> None:
        super().__init__(error)
        self.is_closed_pipe = error.errno == errno.EPIPE
        self.reason = error.strerror or "it failed"


class Stdout(io.FileIO):
    """The file behind standard output, which raises OutputLost when it can't be written."""

    def write(self, data: "Buffer") -> int:
        try:
            return write_blocking(self, data)
        except OSError as error:
            discard(self.fileno())
            raise OutputLost(error) from error


class Stderr(io.FileIO):
    """The file behind standard error. If it can't be written, nobody can be told."""

    def write(self, data: "Buffer") -> int:
        try:
            return write_blocking(self, data)
        except OSError:
            discard(self.fileno())
            return io.FileIO.write(self, data) or 0


def write_blocking(file: io.FileIO, data: "Buffer") -> int:
    """Write some of `data`, waiting if the file is in non-blocking mode; returns the bytes written."""
    while True:
        written: int | None = io.FileIO.write(file, data)
        if written is not None:
            return written
        select.select([], [file], [])


def discard(descriptor: int) -> None:
    """Discard what is still to be written there, also at the interpreter's exit."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, descriptor)
    os.close(null)


def guard_streams() -> bool:
    """Replace `sys.stdout` and `sys.stderr` by such streams; False if a test has replaced them already.

    A character that their encoding lacks is written as its code point: `\\u2026`.
    """
    if sys.stdout is not sys.__stdout__ or sys.stderr is not sys.__stderr__:
        return False
    open_closed_streams()
    sys.stdout = guarded(Stdout(STDOUT, "wb", closefd=False), sys.stdout)
    sys.stderr = guarded(Stderr(STDERR, "wb", closefd=False), sys.stderr)
    return True


def guarded(file: io.FileIO, original: TextIO | None) -> TextIO:
    """A text stream on `file`, with the encoding and the buffering of the original."""
    return io.TextIOWrapper(
        io.BufferedWriter(file),
        encoding=original.encoding if original else None,
        errors="backslashreplace",
        line_buffering=getattr(original, "line_buffering", False),
        write_through=getattr(original, "write_through", False),
    )


def open_closed_streams() -> None:
    """Open /dev/null for standard streams that are closed (`>&-`), so that no socket gets their numbers."""
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
