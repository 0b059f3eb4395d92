"""Disk space: whether it is enough for a job, and whether an error says that there is none."""

import contextlib
import errno
import os
import shutil
import sqlite3
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from jobs.files.layout import job_directory, nearest_existing

POSTGRES_FULL = "53100"
"""The SQLSTATE disk_full."""


def missing_bytes(artifacts: Path, job_id: str, needed_bytes: int) -> int:
    """How much more disk space the job needs than is free or its own already; 0 if it fits.

    needed_bytes  of all its checkpoints: `model.estimate.disk.checkpoints_bytes`
    """
    attempts = job_directory(artifacts, job_id).glob("attempt-*")  # not what the job started from
    used = sum(map(used_bytes, attempts))
    return max(0, needed_bytes - used - free_bytes(artifacts))


def is_disk_full(error: BaseException) -> bool:
    """Whether the file system, a quota or the database has no space left."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    if isinstance(error, DBAPIError):
        sqlite_code = getattr(error.orig, "sqlite_errorcode", None)
        return sqlite_code == sqlite3.SQLITE_FULL or getattr(error.orig, "sqlstate", None) == POSTGRES_FULL
    return False


def free_bytes(artifacts: Path) -> int:
    """Free space on the disk that the artifacts lie on."""
    return shutil.disk_usage(nearest_existing(artifacts)).free


def disk_bytes(artifacts: Path) -> int:
    """Size of the whole disk that the artifacts lie on."""
    return shutil.disk_usage(nearest_existing(artifacts)).total


def used_bytes(directory: Path) -> int:
    """Disk space of the files below `directory`. Those that are deleted meanwhile take none."""
    used = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                used += os.lstat(os.path.join(folder, name)).st_blocks * 512
    return used
