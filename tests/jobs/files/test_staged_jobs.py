"""Folders of jobs that are about to be stored."""

import os
import time
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs.files.cleanup import PARTIAL_FILE_S, remove_deleted, sweep_staged_jobs
from jobs.files.layout import job_directory, jobs_directory
from jobs.files.staged_jobs import job_placed, staged_job
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.tables import Removal


def folders(artifacts: Path) -> list[str]:
    return sorted(folder.name for folder in jobs_directory(artifacts).iterdir())


def removals(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(select(Removal.job_id)))


def test_a_placed_folder_is_the_jobs(database: Database, settings: Settings) -> None:
    artifacts = settings.artifacts
    with staged_job(artifacts) as folder:
        (folder / "initial").mkdir()
        with job_placed(database, artifacts, folder, lambda _: "job-1") as (_, job_id):
            assert job_id == "job-1"
    assert folders(artifacts) == ["job-1"]
    remove_deleted(database, artifacts)
    assert (job_directory(artifacts, "job-1") / "initial").is_dir()
    assert removals(database) == []


def test_of_a_folder_that_is_not_placed_nothing_is_left(database: Database, settings: Settings) -> None:
    with staged_job(settings.artifacts) as folder:
        (folder / "file").write_bytes(b"0")
    assert folders(settings.artifacts) == []


def test_the_folder_of_a_job_that_could_not_be_stored_is_deleted(
    database: Database, settings: Settings
) -> None:
    artifacts = settings.artifacts
    with (
        pytest.raises(ZeroDivisionError),
        staged_job(artifacts) as folder,
        job_placed(database, artifacts, folder, lambda _: "job-1"),
    ):
        raise ZeroDivisionError
    assert removals(database) == ["job-1"]
    remove_deleted(database, artifacts)
    assert (folders(artifacts), removals(database)) == ([], [])


def test_a_keeper_that_comes_between_makes_it_begin_again(database: Database, settings: Settings) -> None:
    artifacts = settings.artifacts
    tried: list[str] = []

    def new_id(session: Session) -> str:
        if tried:  # what the first transaction has committed is seen by the keeper before the second
            return "job-2"
        tried.append("job-1")
        return "job-1"

    class Interrupted(Database):
        """The keeper deletes what it finds behind the first transaction."""

        def write(self):  # type: ignore[no-untyped-def]
            if removals(database) == ["job-1"]:
                remove_deleted(database, artifacts)
            return super().write()

    interrupted = Interrupted(settings.database)
    with staged_job(artifacts) as folder, job_placed(interrupted, artifacts, folder, new_id) as (_, job_id):
        assert job_id == "job-2"
    interrupted.close()
    assert (folders(artifacts), removals(database)) == (["job-2"], [])


def test_what_a_crash_has_left_is_deleted_after_an_hour(settings: Settings) -> None:
    left, new = (jobs_directory(settings.artifacts) / name for name in (".staged-1-a", ".staged-1-b"))
    for folder in (left, new):
        folder.mkdir(parents=True)
        (folder / "file").write_bytes(b"0")
    old = time.time() - PARTIAL_FILE_S - 1
    os.utime(left, (old, old))
    sweep_staged_jobs(settings.artifacts)
    assert folders(settings.artifacts) == [new.name]
