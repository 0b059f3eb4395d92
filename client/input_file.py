"""Files that a command is given: read whole, within bounds, or refused with the reason."""

from pathlib import Path

from client.display.plain_text import one_line
from client.errors import UsageError
from jobs.files.encodings import why_not_utf8


def read_bytes(file: Path, limit: int) -> bytes:
    """All of a file that has at most `limit` bytes. raises UsageError"""
    try:
        with file.open("rb") as opened:
            content = opened.read(limit + 1)
    except FileNotFoundError as error:
        raise UsageError(f"{one_line(file)}: there is no such file") from error
    except IsADirectoryError as error:
        raise UsageError(f"{one_line(file)}: is a folder, not a file") from error
    except PermissionError as error:
        raise UsageError(f"{one_line(file)}: you may not read it") from error
    except OSError as error:
        raise UsageError(f"{one_line(file)}: {error.strerror}") from error
    if len(content) > limit:
        raise UsageError(f"{one_line(file)}: has more than {limit:,} bytes")
    return content


def name_in_command(file: Path) -> str:
    """How the file is called in a command that a message tells; FILE if that would not stand on one line."""
    return str(file) if str(file).isprintable() else "FILE"


def as_text(file: Path, content: bytes) -> str:
    """The text, a byte order mark included. UsageError tells the likely encoding of what is not UTF-8."""
    if wrong := why_not_utf8(content, name_in_command(file)):
        raise UsageError(f"{one_line(file)}: {wrong}")
    return content.decode()
