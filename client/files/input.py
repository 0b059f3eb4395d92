"""Files that a command reads, and standard input: whole, within bounds, or refused with the reason."""

import sys
from pathlib import Path

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
    try:
        content = read_at_most(file, max_bytes + 1)
    except FileNotFoundError as error:
        raise UsageError(f"{shown_name(file)}: there is no such file") from error
    except IsADirectoryError as error:
        raise UsageError(f"{shown_name(file)}: is a folder, not a file") from error
    except PermissionError as error:
        raise UsageError(f"{shown_name(file)}: you may not read it") from error
    except OSError as error:
        raise UsageError(f"{shown_name(file)}: {error.strerror}") from error
    if len(content) > max_bytes:
        raise UsageError(f"{shown_name(file)}: has more than {max_bytes:,} bytes")
    return content


def read_at_most(file: Path, size: int) -> bytes:
    if file == STDIN:
        return sys.stdin.buffer.read(size)
    with file.open("rb") as opened:
        return opened.read(size)


def decode_utf8(file: Path, content: bytes) -> str:
    """The text, a byte order mark included. UsageError names the likely encoding of what is not UTF-8."""
    if wrong := why_not_utf8(content, name_in_command(file)):
        raise UsageError(f"{shown_name(file)}: {wrong}")
    return content.decode()
