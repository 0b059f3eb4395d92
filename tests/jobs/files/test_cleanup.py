import os
import shutil
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from jobs.files.cleanup import (
    PARTIAL_FILE_S,
    UNUSED_TOKENS_S,
    remove_deleted,
    sweep_attempts,
    sweep_idle_jobs,
    sweep_partial_files,
    sweep_tokens,
)
from jobs.files.layout import checkpoint_root, job_directory, jobs_directory, tokens_path
from jobs.lifecycle.attempts import claim, stop, succeed
from jobs.lifecycle.checkpoints import record_checkpoint
from jobs.lifecycle.requests import delete_job
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.tables import Job, Removal
from tests.jobs.making import queued_job, running_job


def make_directory(settings: Settings, job_id: str, attempt: int, name: str) -> Path:
    """A folder with a file in it, such as attempts write."""
    directory = checkpoint_root(settings.artifacts, job_id, attempt) / name
    directory.mkdir(parents=True)
    (directory / "weights.safetensors").write_bytes(b"0")
    return directory


def list_directory(database: Database, settings: Settings, job: Job, directory: Path) -> None:
    """Record the checkpoint that lies there."""
    row = {
        "step": 1,
        "epoch": 1,
        "train_loss": 1.0,
        "val_loss": 1.0,
        "bytes": 1,
        "sha256": "0",
        "directory": str(directory.relative_to(settings.artifacts)),
    }
    with database.write() as session:
        record_checkpoint(session, job.id, job.attempt, row, keep_last=1, keep_best=1)


def hand_back(database: Database, job: Job) -> None:
    with database.write() as session:
        stop(session, job.id, job.attempt, "drained")


def deleted_job(database: Database, settings: Settings) -> Job:
    job = running_job(database, settings)
    make_directory(settings, job.id, 1, "step-1")
    with database.write() as session:
        succeed(session, job.id, 1, "epochs")
        delete_job(session, job.id)
    return job


def waiting_removals(database: Database) -> set[str]:
    with database.read() as session:
        return set(session.scalars(select(Removal.job_id)))


def test_the_folders_of_deleted_jobs_go_and_their_names_with_them(
    database: Database, settings: Settings
) -> None:
    deleted, other = deleted_job(database, settings), queued_job(database, settings)
    make_directory(settings, other.id, 1, "step-1")
    remove_deleted(database, settings.artifacts)
    assert not job_directory(settings.artifacts, deleted.id).exists()
    assert job_directory(settings.artifacts, other.id).exists()
    assert waiting_removals(database) == set()


def test_a_job_that_never_wrote_a_file_leaves_the_list_too(database: Database, settings: Settings) -> None:
    deleted = deleted_job(database, settings)
    shutil.rmtree(job_directory(settings.artifacts, deleted.id))
    remove_deleted(database, settings.artifacts)
    assert waiting_removals(database) == set()


def test_a_removal_that_was_interrupted_is_finished_by_the_next(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        deleted_job(database, settings)
    folders = jobs_directory(settings.artifacts)

    def refuse(folder: Path) -> None:
        raise PermissionError(f"read-only: {folder}")

    def delete_the_first(folder: Path) -> None:
        next(deletions)(folder)

    deletions = iter([shutil.rmtree, refuse])
    with monkeypatch.context() as interrupted:
        interrupted.setattr(shutil, "rmtree", delete_the_first)
        with pytest.raises(PermissionError):
            remove_deleted(database, settings.artifacts)
    assert len(list(folders.iterdir())) == 1
    assert len(waiting_removals(database)) == 1
    remove_deleted(database, settings.artifacts)
    assert list(folders.iterdir()) == []
    assert waiting_removals(database) == set()


def test_what_no_row_lists_goes_and_what_a_row_lists_stays(database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    listed, unlisted, unfinished = (
        make_directory(settings, job.id, 1, name) for name in ("step-1", "step-2", ".tmp-step-3")
    )
    list_directory(database, settings, job, listed)
    hand_back(database, job)
    sweep_idle_jobs(database, settings.artifacts)
    assert listed.exists()
    assert not unlisted.exists()
    assert not unfinished.exists()


def test_the_folder_of_an_attempt_that_left_nothing_worth_keeping_goes(
    database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    make_directory(settings, job.id, 1, ".tmp-step-1")
    hand_back(database, job)
    sweep_idle_jobs(database, settings.artifacts)
    assert not checkpoint_root(settings.artifacts, job.id, 1).exists()


def test_the_files_of_a_running_job_are_left_alone(database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    writing = make_directory(settings, job.id, 1, ".tmp-step-1")
    sweep_idle_jobs(database, settings.artifacts)
    assert writing.exists()


def test_the_files_of_a_job_that_the_database_does_not_know_are_left_alone(
    database: Database, settings: Settings
) -> None:
    foreign = make_directory(settings, "job-of-another-database", 1, "step-1")
    sweep_idle_jobs(database, settings.artifacts)
    assert foreign.exists()


def test_an_attempt_that_is_newer_than_what_the_sweep_has_seen_is_left_alone(
    database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    hand_back(database, job)
    with database.write() as session:
        claim(session, job.id, "worker-2", lease_s=30)
    old, new = (make_directory(settings, job.id, attempt, "step-1") for attempt in (1, 2))
    sweep_attempts(settings.artifacts, job.id, newest=1, listed=set())
    assert not old.exists()
    assert new.exists()


def test_a_folder_that_is_no_attempts_is_left_alone(settings: Settings) -> None:
    strange = job_directory(settings.artifacts, "job-1") / "attempt-one"
    strange.mkdir(parents=True)
    sweep_attempts(settings.artifacts, "job-1", newest=9, listed=set())
    assert strange.exists()


def test_without_any_files_there_is_nothing_to_sweep(database: Database, settings: Settings) -> None:
    queued_job(database, settings)
    sweep_idle_jobs(database, settings.artifacts)
    assert not (settings.artifacts / "jobs").exists()


def test_more_jobs_than_one_query_asks_for_are_all_swept(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.files.cleanup.JOBS_PER_QUERY", 2)
    left = []
    for _ in range(5):
        job = running_job(database, settings)
        left.append(make_directory(settings, job.id, 1, "step-1"))
        hand_back(database, job)
    sweep_idle_jobs(database, settings.artifacts)
    assert [directory for directory in left if directory.exists()] == []


def make_tokens(settings: Settings, sha256: str, unused_s: float, prefix: str = "") -> Path:
    path = tokens_path(settings.artifacts, sha256, "gpt2", 0.9)
    path = path.with_name(prefix + path.name)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"0")
    os.utime(path, times=(time.time() - unused_s,) * 2)
    return path


def test_tokens_go_when_nobody_has_used_them_for_long_and_no_unfinished_job_needs_them(
    database: Database, settings: Settings
) -> None:
    job = running_job(database, settings)
    tokens = make_tokens(settings, job.dataset_sha256, UNUSED_TOKENS_S + 60)
    sweep_tokens(database, settings.artifacts)
    assert tokens.exists()
    with database.write() as session:
        succeed(session, job.id, 1, "epochs")
    foreign = make_tokens(settings, "0" * 64, UNUSED_TOKENS_S + 60)
    sweep_tokens(database, settings.artifacts)
    assert not tokens.exists()
    assert foreign.exists()
    make_tokens(settings, job.dataset_sha256, UNUSED_TOKENS_S - 60)
    sweep_tokens(database, settings.artifacts)
    assert tokens.exists()


def test_tokens_whose_trainer_was_lost_while_it_wrote_them_go(database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    written = make_tokens(settings, job.dataset_sha256, PARTIAL_FILE_S - 60, prefix=".")
    lost = make_tokens(settings, job.dataset_sha256, PARTIAL_FILE_S + 60, prefix=".lost-")
    sweep_tokens(database, settings.artifacts)
    assert written.exists()
    assert not lost.exists()


def test_before_any_trainer_has_run_there_are_no_tokens_to_sweep(
    database: Database, settings: Settings
) -> None:
    sweep_tokens(database, settings.artifacts)
    assert not (settings.artifacts / "tokens").exists()


@pytest.mark.parametrize("kind", ["datasets", "tokenizers"])
def test_what_a_crash_left_of_a_file_is_deleted_once_nobody_can_be_writing_it(
    settings: Settings, kind: str
) -> None:
    sweep_partial_files(settings.artifacts)  # there is no folder yet
    folder = settings.artifacts / kind
    folder.mkdir(parents=True)
    for name, age_s in ((".left", PARTIAL_FILE_S + 60), (".arriving", PARTIAL_FILE_S - 60), ("a.txt", 10**6)):
        (folder / name).write_text("a")
        os.utime(folder / name, (time.time() - age_s,) * 2)
    sweep_partial_files(settings.artifacts)
    assert {file.name for file in folder.iterdir()} == {".arriving", "a.txt"}
