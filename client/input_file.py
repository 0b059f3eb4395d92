"""Files that a command is given: read whole, within bounds, or refused with the reason."""

from pathlib import Path

from client.errors import UsageError
from jobs.files.encodings import why_not_utf8


def read_bytes(file: Path, limit: int) -> bytes:
    """All of a file that has at most `limit` bytes. raises UsageError"""
    try:
        with file.open("rb") as opened:
            content = opened.read(limit + 1)
    except FileNotFoundError as error:
        raise UsageError(f"{file}: there is no such file") from error
    except IsADirectoryError as error:
        raise UsageError(f"{file}: is a folder, not a file") from error
    except PermissionError as error:
        raise UsageError(f"{file}: you may not read it") from error
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error
    if len(content) > limit:
        raise UsageError(f"{file}: has more than {limit:,} bytes")
    return content


def as_text(file: Path, content: bytes) -> str:
    """The text, a byte order mark included. UsageError tells the likely encoding of what is not UTF-8."""
    if wrong := why_not_utf8(content, str(file)):
        raise UsageError(f"{file}: {wrong}")
    return content.decode()
