"""Files that a command reads, and standard input: whole, within bounds, or refused with the reason."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from client.errors import UsageError
from client.plain_text import one_line
from jobs.files.encodings import why_not_utf8

STDIN = Path("-")


def shown_name(file: Path) -> str:
    """The file in messages."""
    return "standard input" if file == STDIN else one_line(file)


def name_in_command(file: Path) -> str:
    """The file in a command that a message suggests; FILE if it has no name that fits on one line."""
    return str(file) if file != STDIN and str(file).isprintable() else "FILE"


def read_bytes(file: Path, max_bytes: int) -> bytes:
    """The whole content of a file, or of standard input for `-`. raises  UsageError"""
    with opened(file) as stream:
        content = stream.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise UsageError(f"{shown_name(file)}: has more than {max_bytes:,} bytes")
    return content


@contextmanager
def opened(file: Path) -> Iterator[BinaryIO]:
    """A file, or standard input for `-`. raises  UsageError also for what goes wrong in the block"""
    try:
        if file == STDIN:
            yield sys.stdin.buffer
            return
        with file.open("rb") as stream:
            yield stream
    except FileNotFoundError as error:
        raise UsageError(f"{shown_name(file)}: there is no such file") from error
    except IsADirectoryError as error:
        raise UsageError(f"{shown_name(file)}: is a folder, not a file") from error
    except PermissionError as error:
        raise UsageError(f"{shown_name(file)}: you may not read it") from error
    except OSError as error:
        raise UsageError(f"{shown_name(file)}: {error.strerror or error}") from error


def decode_utf8(file: Path, content: bytes) -> str:
    """The text, a byte order mark included. UsageError names the likely encoding of what is not UTF-8."""
    if wrong := why_not_utf8(content, name_in_command(file)):
        raise UsageError(f"{shown_name(file)}: {wrong}")
    return content.decode()
