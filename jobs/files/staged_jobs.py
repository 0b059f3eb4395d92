"""Folders of jobs that are about to be stored: written under a hidden name, and given the job's in the
transaction that stores it.

Wherever a process dies, either the job is stored and has its folder, or the keeper deletes what is left: the
hidden folder an hour later (`sweep_staged_jobs`), or by the job's row in `removals` (`remove_deleted`).
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import delete
from sqlalchemy.orm import Session

from jobs.files.cleanup import hidden_path
from jobs.files.layout import job_directory, jobs_directory
from jobs.store.database import Database
from jobs.store.tables import Removal
from model.storage.atomic import sync


@contextmanager
def staged_job(artifacts: Path) -> Iterator[Path]:
    """A folder for the block to write into, and to place; otherwise nothing of it is left."""
    folder = hidden_path(artifacts, f"staged-{os.getpid()}-{os.urandom(8).hex()}")
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        if folder.exists():
            shutil.rmtree(folder)


@contextmanager
def job_placed(
    database: Database, artifacts: Path, staged: Path, new_id: Callable[[Session], str]
) -> Iterator[tuple[Session, str]]:
    """A transaction in which the staged folder, synced, is that of a new job, for the block to store the job
    under its id."""
    while True:
        with database.write() as session:
            job_id = new_id(session)
            session.add(Removal(job_id=job_id))
        with database.write() as session:
            # Who deletes a job's folder locks this row first. If it has gone, the keeper has been here.
            is_mine = delete(Removal).where(Removal.job_id == job_id).returning(Removal.job_id)
            if session.execute(is_mine).first() is None:
                continue
            staged.rename(job_directory(artifacts, job_id))
            sync(jobs_directory(artifacts))
            yield session, job_id
            return
