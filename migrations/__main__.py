"""`python -m migrations`: wait for the database, then upgrade its schema to that of this version."""

import sqlite3
import sys
import time

from sqlalchemy.exc import OperationalError

from jobs.files.disk import free_bytes, is_disk_full
from jobs.settings import Settings, load_settings_or_exit
from jobs.store.database import Database
from migrations.upgrade import UnknownSchema, upgrade

DATABASE_WAIT_S = 60
FULL_DISK_BYTES = 128 * 1024
"""With less free space a disk counts as full: SQLite reports an I/O error, not a full disk, if there is no
room for the index of its write-ahead log (32 KiB)."""


def main() -> int:
    settings = load_settings_or_exit()
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
                print(
                    f"the database cannot be used: {describe_full_disk(error, settings) or reason}",
                    file=sys.stderr,
                )
                return 1
            if time.monotonic() > deadline:
                print(f"the database does not answer: {reason}", file=sys.stderr)
                return 1
            if reason != last_reason:
                print(f"waiting for the database: {reason}", flush=True)
                last_reason = reason
            time.sleep(1)
        except UnknownSchema as error:
            print(error, file=sys.stderr)
            return 1
        else:
            print(f"database at schema {revision}", flush=True)
            return 0


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
