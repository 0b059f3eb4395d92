"""`python -m migrations`: wait for the database, then bring its schema to this version."""

import sqlite3
import sys
import time

from sqlalchemy.exc import OperationalError

from jobs.files.disk import free_bytes, is_disk_full
from jobs.settings import Settings, load_settings_or_exit
from jobs.store.database import Database
from migrations.upgrade import UnknownSchema, upgrade

DATABASE_WAIT_S = 60
LITTLE_ROOM_BYTES = 128 * 1024
"""SQLite calls it an I/O error if not even the index of its log has room, which has 32 KiB."""


def main() -> int:
    settings = load_settings_or_exit()
    database = Database(settings.database)
    deadline = time.monotonic() + DATABASE_WAIT_S
    said = ""
    while True:
        try:
            revision = upgrade(database)
        except OperationalError as error:
            reason = str(error.orig).strip().splitlines()[0]
            if not may_pass(error):
                database.close()  # which frees the room of its log, and this may be a log on the same disk
                print(f"the database cannot be used: {full_disk(error, settings) or reason}", file=sys.stderr)
                return 1
            if time.monotonic() > deadline:
                print(f"the database does not answer: {reason}", file=sys.stderr)
                return 1
            if reason != said:
                print(f"waiting for the database: {reason}", flush=True)
                said = reason
            time.sleep(1)
        except UnknownSchema as error:
            print(error, file=sys.stderr)
            return 1
        else:
            print(f"database at schema {revision}", flush=True)
            return 0


def may_pass(error: OperationalError) -> bool:
    """Whether the same may go well later: SQLite is there at once, but another process may hold its lock."""
    if is_disk_full(error):
        return False
    code = getattr(error.orig, "sqlite_errorcode", None)
    return code is None or code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def full_disk(error: OperationalError, settings: Settings) -> str | None:
    """That the disk is full, if that is what is wrong."""
    if settings.database_url is not None:
        return "its disk is full" if is_disk_full(error) else None
    free = free_bytes(settings.data_dir)
    if is_disk_full(error) or free < LITTLE_ROOM_BYTES:
        return f"the disk of {settings.data_dir} is full ({free:,} bytes are free)"
    return None


if __name__ == "__main__":
    sys.exit(main())
