"""Whether the disk can hold what a job will write."""

import contextlib
import errno
import os
import shutil
import sqlite3
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from jobs.files.layout import job_directory, nearest_existing
from jobs.spec.job_spec import JobSpec
from model.config import parameter_count

WEIGHT_BYTES = 4
TRAINING_STATE_BYTES = 8
"""AdamW's two moments in float32, for each parameter."""
SMALL_FILES_BYTES = 256 * 1024
"""Of a checkpoint: manifest, headers and generators' states."""
POSTGRES_FULL = "53100"
"""The SQLSTATE disk_full."""


def checkpoints_bytes(spec: JobSpec, total_steps: int) -> int:
    """The most that a job's checkpoints take at once: those it keeps, and the one being written. There are no
    more of them than steps."""
    parameters, keep = parameter_count(spec.gpt), spec.retention
    weights = WEIGHT_BYTES * parameters + SMALL_FILES_BYTES
    whole = weights + TRAINING_STATE_BYTES * parameters
    resumable = min(keep.keep_last + 1, total_steps)
    return resumable * whole + min(keep.keep_best, total_steps - resumable) * weights


def missing_bytes(artifacts: Path, job_id: str, spec: JobSpec, total_steps: int) -> int:
    """How much more room the job needs than it has, what it holds already counted; 0 if it fits."""
    free = free_bytes(artifacts)
    held = held_bytes(job_directory(artifacts, job_id))
    return max(0, checkpoints_bytes(spec, total_steps) - held - free)


def is_disk_full(error: BaseException) -> bool:
    """Whether the file system, a quota or the database has no room left."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    if isinstance(error, DBAPIError):
        sqlite_code = getattr(error.orig, "sqlite_errorcode", None)
        return sqlite_code == sqlite3.SQLITE_FULL or getattr(error.orig, "sqlstate", None) == POSTGRES_FULL
    return False


def free_bytes(artifacts: Path) -> int:
    """Room that is left on the disk that the artifacts lie on."""
    return shutil.disk_usage(nearest_existing(artifacts)).free


def disk_bytes(artifacts: Path) -> int:
    """Size of the whole disk that the artifacts lie on."""
    return shutil.disk_usage(nearest_existing(artifacts)).total


def held_bytes(directory: Path) -> int:
    """Room that the files below `directory` take. Those that are deleted meanwhile take none."""
    held = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                held += os.lstat(os.path.join(folder, name)).st_blocks * 512
    return held
