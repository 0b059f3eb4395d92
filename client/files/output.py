"""Files that a command writes: whole, or not at all."""

import os
import stat
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from client.errors import ClientError
from client.plain_text import one_line


def is_stdout(path: Path) -> bool:
    """Whether `path` is where standard output goes, as /dev/stdout is."""
    with suppress(OSError):
        return os.path.samestat(path.stat(), os.fstat(sys.stdout.fileno()))
    return False


def is_stream(path: Path) -> bool:
    """Whether `path` is a device or a pipe, which is written to and not replaced."""
    if is_stdout(path):
        return True
    with suppress(OSError):
        mode = path.stat().st_mode
        return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
    return False


def write_file(path: Path, content: bytes) -> None:
    """Write a new file, or replace an old one, keeping its permissions, once all is written.

    Of a symbolic link the target is replaced. Standard output, devices and pipes are written to.
    raises  ClientError
    """
    if is_stdout(path):
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        return
    try:
        if is_stream(path):
            with path.open("wb", buffering=0) as stream:
                write_all(stream.fileno(), content)
        else:
            replace_file(path.resolve(), content)
    except OSError as error:
        raise ClientError(f"cannot write {one_line(path)}: {error.strerror}") from error


def write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def replace_file(path: Path, content: bytes) -> None:
    if path.is_dir():
        raise IsADirectoryError(0, "it is a folder")
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name[:100]}.", delete=False) as new:
        try:
            write_all(new.fileno(), content)
            os.fchmod(new.fileno(), permissions_of(path))
            os.replace(new.name, path)
        except BaseException:
            os.unlink(new.name)
            raise


def permissions_of(path: Path) -> int:
    """Those of the file, or of a new one by the umask."""
    with suppress(FileNotFoundError):
        return stat.S_IMODE(path.stat().st_mode)
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask
