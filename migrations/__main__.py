"""`python -m migrations`: wait for the database, then upgrade its schema to that of this version."""

import logging
import sqlite3
import sys
import time

from sqlalchemy.exc import OperationalError

from jobs.files.disk import free_bytes, is_disk_full
from jobs.process.logs import configure_logging
from jobs.settings import Settings, load_settings_or_exit
from jobs.store.database import Database
from migrations.upgrade import UnknownSchema, upgrade

log = logging.getLogger("migrations")

DATABASE_WAIT_S = 60
FULL_DISK_BYTES = 128 * 1024
"""With less free space a disk counts as full: SQLite reports an I/O error, not a full disk, if there is no
room for the index of its write-ahead log (32 KiB)."""


def main() -> int:
    settings = load_settings_or_exit()
    if settings.log_format == "json":
        configure_logging(settings)
    database = Database(settings.database)
    deadline = time.monotonic() + DATABASE_WAIT_S
    last_reason = ""
    while True:
        try:
            revision = upgrade(database)
        except OperationalError as error:
            reason = str(error.orig).strip().splitlines()[0]
            if not is_temporary(error):
                database.close()  # frees the space of its log: this message may go to the same disk
                tell(
                    settings, f"the database cannot be used: {describe_full_disk(error, settings) or reason}"
                )
                return 1
            if time.monotonic() > deadline:
                tell(settings, f"the database does not answer: {reason}")
                return 1
            if reason != last_reason:
                tell(settings, f"waiting for the database: {reason}", logging.INFO)
                last_reason = reason
            time.sleep(1)
        except UnknownSchema as error:
            tell(settings, str(error))
            return 1
        else:
            tell(settings, f"database at schema {revision}", logging.INFO)
            return 0


def tell(settings: Settings, message: str, level: int = logging.ERROR) -> None:
    """Errors on stderr, the rest on stdout; all of it as a line of the log where that is for machines."""
    if settings.log_format == "json":
        log.log(level, "%s", message)
    else:
        print(message, file=sys.stderr if level == logging.ERROR else sys.stdout, flush=True)


def is_temporary(error: OperationalError) -> bool:
    """Whether a retry may succeed: a server may come up, another process may release SQLite's lock."""
    if is_disk_full(error):
        return False
    code = getattr(error.orig, "sqlite_errorcode", None)
    return code is None or code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def describe_full_disk(error: OperationalError, settings: Settings) -> str | None:
    """The message if the disk is full, else None."""
    if settings.database_url is not None:
        return "its disk is full" if is_disk_full(error) else None
    free = free_bytes(settings.data_dir)
    if is_disk_full(error) or free < FULL_DISK_BYTES:
        return f"the disk of {settings.data_dir} is full ({free:,} bytes are free)"
    return None


if __name__ == "__main__":
    sys.exit(main())
