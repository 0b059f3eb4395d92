"""The file in which `pretrain up` leaves the URL of the service that it runs.

It is locked for as long as the service runs. One that a killed `up` has left behind is not, and is not
believed: another program may have taken the port since.
"""

import fcntl
import os
from pathlib import Path
from typing import TextIO


def url_file(data_dir: Path) -> Path:
    return data_dir / "url"


def publish_url(data_dir: Path, url: str) -> TextIO:
    """Write the file, whole and locked from the moment at which it can be seen; closing what is returned
    unlocks it."""
    new = data_dir / ".url"
    file = new.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.write(url + "\n")
        file.flush()
        os.replace(new, url_file(data_dir))
    except BaseException:
        file.close()
        raise
    return file


def read_url(data_dir: Path) -> str | None:
    """The file's text; None if the service that left it no longer runs.

    raises  OSError, such as FileNotFoundError if there is none; UnicodeDecodeError
    """
    with url_file(data_dir).open() as file:
        text = file.read()
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return text
    return None
