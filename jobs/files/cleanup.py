"""Deleting files that the database does not list any more."""

import contextlib
import os
import re
import shutil
import time
from pathlib import Path

from sqlalchemy import delete, select, update

from jobs.files.layout import (
    initial_directory,
    job_directory,
    jobs_directory,
    model_directory,
    models_directory,
    tokens_directory,
)
from jobs.files.store import KINDS
from jobs.states import TERMINAL, Status
from jobs.store.database import Database
from jobs.store.preparations import FAILED, READY
from jobs.store.tables import (
    Checkpoint,
    Dataset,
    ImportedModel,
    Job,
    ModelRemoval,
    Removal,
)

ATTEMPT = re.compile(r"attempt-(\d+)")
JOBS_PER_QUERY = 500
UNUSED_TOKENS_S = 24 * 3600
"""Since a trainer last opened a token file that no unfinished job needs: the next experiment may want it."""
PARTIAL_FILE_S = 3600
"""Since an unfinished text or token file was last written to: who wrote it is gone."""


def remove_deleted(database: Database, artifacts: Path) -> None:
    """Delete the folders of deleted jobs, and of jobs that were about to be listed when their process died.
    After a crash the next call goes on with the rest of the list."""
    with database.read() as session:
        job_ids = list(session.scalars(select(Removal.job_id)))
    for job_id in job_ids:
        hidden = hidden_path(artifacts, f"removed-{job_id}")
        with database.write() as session:
            if session.get(Removal, job_id, with_for_update=True) is None:
                continue  # it has been listed meanwhile, or another was faster
            if not hidden.exists() and (folder := job_directory(artifacts, job_id)).exists():
                folder.rename(hidden)
        if hidden.exists():
            shutil.rmtree(hidden)
        with database.write() as session:
            session.execute(delete(Removal).where(Removal.job_id == job_id))


def hidden_path(artifacts: Path, name: str) -> Path:
    """Of a folder beside those of the jobs, which belongs to none."""
    return jobs_directory(artifacts) / f".{name}"


def remove_checkpoint(artifacts: Path, directory: str) -> None:
    """Delete a checkpoint that is no longer listed. It goes as a whole, so that a trainer that is about to
    change it finds either all of it or nothing.

    directory  relative to `artifacts`
    """
    hidden = hidden_path(artifacts, f"staged-{os.getpid()}-{os.urandom(8).hex()}")
    with contextlib.suppress(FileNotFoundError):  # a trainer that has just started has swept it
        (artifacts / directory).rename(hidden)
        shutil.rmtree(hidden)


def sweep_staged_jobs(artifacts: Path) -> None:
    """Delete what crashed requests have left of the checkpoints that new jobs were to start from, and of
    those that were being deleted."""
    for folder in jobs_directory(artifacts).glob(".staged-*"):
        with contextlib.suppress(FileNotFoundError):  # another keeper was faster, or it has its name now
            if time.time() - folder.stat().st_mtime > PARTIAL_FILE_S:
                shutil.rmtree(folder)


def remove_needless_initial(database: Database, artifacts: Path) -> None:
    """Delete the checkpoints that jobs have started from, of those that have ended."""
    has_needless = (Job.initial_bytes > 0, Job.status.in_(TERMINAL))
    with database.read() as session:
        job_ids = list(session.scalars(select(Job.id).where(*has_needless)))
    for job_id in job_ids:
        folder = initial_directory(artifacts, job_id)
        if folder.exists():
            shutil.rmtree(folder)
        with database.write() as session:
            session.execute(update(Job).where(Job.id == job_id).values(initial_bytes=0))


def sweep_partial_files(artifacts: Path) -> None:
    """Delete what crashed uploads, workers and deletions left in the store."""
    folders = [kind.directory(artifacts) for kind in KINDS]
    for file in (file for folder in folders if folder.exists() for file in folder.glob(".*")):
        with contextlib.suppress(FileNotFoundError):  # another keeper was faster, or it has its name now
            if time.time() - file.stat().st_mtime > PARTIAL_FILE_S:
                file.unlink()


def remove_deleted_models(database: Database, artifacts: Path) -> None:
    """Delete the folders of deleted models. After a crash the next call goes on with the rest of the list."""
    with database.read() as session:
        model_ids = list(session.scalars(select(ModelRemoval.model_id)))
    for model_id in model_ids:
        folder = model_directory(artifacts, model_id)
        if folder.exists():
            shutil.rmtree(folder)
        with database.write() as session:
            session.execute(delete(ModelRemoval).where(ModelRemoval.model_id == model_id))


def remove_upload(artifacts: Path, directory: str) -> None:
    """Delete a model's files as they were sent. What a crash leaves of them `sweep_models` deletes.

    directory  relative to `artifacts`
    """
    with contextlib.suppress(FileNotFoundError):  # its worker is done, and has deleted it
        shutil.rmtree(artifacts / directory)


def sweep_models(database: Database, artifacts: Path) -> None:
    """Delete what crashed uploads and imports left of models, and the files as they were sent of those that
    are imported or deleted.

    Folders of models that the database does not know are left alone: it may be another database.
    """
    folder = models_directory(artifacts)
    entries = list(folder.iterdir()) if folder.exists() else []
    with database.read() as session:
        models = {model.id: model for model in session.scalars(select(ImportedModel))}
    uploads = {model.upload_directory for model in models.values()}
    for entry in entries:
        if entry.name.startswith("."):
            is_listed = str(entry.relative_to(artifacts)) in uploads
            if not is_listed and time.time() - last_written_s(entry) > PARTIAL_FILE_S:
                shutil.rmtree(entry, ignore_errors=True)
        elif (model := models.get(entry.name)) is not None and model.status in (READY, FAILED):
            for attempt in entry.iterdir():
                if str(attempt.relative_to(artifacts)) != model.directory:
                    shutil.rmtree(attempt, ignore_errors=True)


def last_written_s(folder: Path) -> float:
    """When a folder or a file in it was last written to."""
    times = [folder.stat().st_mtime]
    for file in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            times.append(file.stat().st_mtime)
    return max(times)


def sweep_idle_jobs(database: Database, artifacts: Path) -> None:
    """Delete what crashed attempts left behind in the folders of jobs that nobody runs.

    Folders of jobs that the database does not know are left alone: it may be another database.
    """
    folders = jobs_directory(artifacts)
    names = sorted(folder.name for folder in folders.iterdir()) if folders.exists() else []
    for first in range(0, len(names), JOBS_PER_QUERY):
        with database.read() as session:
            is_idle = Job.id.in_(names[first : first + JOBS_PER_QUERY]), Job.status != Status.RUNNING
            idle = {
                row.id: row.attempt for row in session.execute(select(Job.id, Job.attempt).where(*is_idle))
            }
            listed = set(
                session.scalars(select(Checkpoint.directory).where(Checkpoint.job_id.in_(list(idle))))
            )
        # A claim in the meantime makes a new attempt, whose folder this does not touch.
        for job_id, attempt in idle.items():
            sweep_attempts(artifacts, job_id, attempt, listed)


def sweep_tokens(database: Database, artifacts: Path) -> None:
    """Delete the token files that no unfinished job needs and no trainer has opened for long, and unfinished
    ones. The next trainer that needs one writes it again.

    Those of data sets that the database does not know are left alone: it may be another database.
    """
    folder = tokens_directory(artifacts)
    if not folder.exists():
        return
    with database.read() as session:
        unneeded = set(session.scalars(select(Dataset.sha256)))
        is_unfinished = Job.status.not_in(TERMINAL)
        unneeded -= set(session.scalars(select(Job.dataset_sha256).where(is_unfinished)))
        validated = select(Dataset.sha256).join(Job, Job.validation_dataset_id == Dataset.id)
        unneeded -= set(session.scalars(validated.where(is_unfinished)))
    for file in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # another keeper was faster, or it has been renamed
            unused_s = time.time() - file.stat().st_mtime
            if file.name.startswith("."):
                is_leftover = unused_s > PARTIAL_FILE_S
            else:
                is_leftover = unused_s > UNUSED_TOKENS_S and file.name.partition("-")[0] in unneeded
            if is_leftover:
                file.unlink()


def sweep_attempts(artifacts: Path, job_id: str, newest: int, listed: set[str]) -> None:
    """Delete the directories of attempts up to `newest` that are not `listed` (relative to `artifacts`)."""
    for attempt in job_directory(artifacts, job_id).glob("attempt-*"):
        number = ATTEMPT.fullmatch(attempt.name)
        if number is None or int(number[1]) > newest:
            continue
        for directory in attempt.iterdir():
            if str(directory.relative_to(artifacts)) not in listed:
                with contextlib.suppress(FileNotFoundError):  # a person is deleting it
                    shutil.rmtree(directory)
        if not any(attempt.iterdir()):
            attempt.rmdir()
