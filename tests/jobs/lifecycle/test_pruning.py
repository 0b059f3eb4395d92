"""What ended jobs no longer need goes, and nothing else does."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from jobs.files.checkpoint_files import listed_files, training_state_bytes
from jobs.lifecycle.attempts import end
from jobs.lifecycle.checkpoints import list_checkpoints
from jobs.lifecycle.editing import edit_job
from jobs.lifecycle.pruning import Needless, disk_by_job, forget_needless, needless, prune
from jobs.settings import Settings
from jobs.spec.changes import JobChanges
from jobs.spec.pruning import PruneRequest
from jobs.states import Status
from jobs.store.database import Database, now_s
from jobs.store.events import list_events
from jobs.store.tables import Checkpoint, Job
from tests.jobs.checkpoints import resumable_checkpoint
from tests.jobs.making import queued_job, running_job

LOSSES = {10: 3.0, 20: 1.0, 30: 2.0, 40: 2.5}
"""By step: 20 is the best, 40 the last."""
CHECKPOINT_BYTES, STATE_BYTES = 300, 200


def with_checkpoints(database: Database, settings: Settings, **spec: Any) -> tuple[Job, dict[int, Path]]:
    """A running job, and its checkpoints' folders by their steps."""
    job = running_job(database, settings, **spec)
    folders = {
        step: resumable_checkpoint(database, settings, job, step, val_loss=val_loss)
        for step, val_loss in LOSSES.items()
    }
    return job, folders


def ended(
    database: Database, settings: Settings, status: Status = Status.SUCCEEDED
) -> tuple[Job, dict[int, Path]]:
    job, folders = with_checkpoints(database, settings)
    with database.write() as session:
        end(session, job.id, job.attempt, status)
    return job, folders


def asked(**fields: Any) -> PruneRequest:
    return PruneRequest.model_validate(fields)


def found(database: Database, settings: Settings, **fields: Any) -> list[tuple[str, int, str]]:
    with database.read() as session:
        entries = needless(session, settings.artifacts, asked(**fields))
    return [(entry.job_id, entry.step, entry.what) for entry in entries]


def steps(entries: list[Needless], what: str) -> list[int]:
    return [entry.step for entry in entries if entry.what == what]


@pytest.mark.parametrize(
    ("keep", "checkpoints", "states"),
    [
        (["last", "best"], [10, 30], [20, 40]),
        (["best"], [10, 30, 40], [20]),
        (["last"], [10, 20, 30], [40]),
        (["last", "best", "optimizer"], [10, 30], []),
        (["optimizer"], [10, 20, 30, 40], []),
        ([], [10, 20, 30, 40], []),
    ],
)
def test_what_is_not_kept_goes_from_the_record_and_the_disk(
    database: Database, settings: Settings, keep: list[str], checkpoints: list[int], states: list[int]
) -> None:
    job, folders = ended(database, settings)
    pruned = prune(database, settings.artifacts, asked(keep=keep))
    assert (steps(pruned, "checkpoint"), steps(pruned, "optimizer")) == (checkpoints, states)
    assert sum(entry.bytes for entry in pruned) == 300 * len(checkpoints) + 200 * len(states)
    with database.read() as session:
        left = {row.step: row for row in list_checkpoints(session, job.id)}
        (event,) = [event.data for event in list_events(session, job.id) if event.type == "pruned"]
    assert sorted(left) == [step for step in LOSSES if step not in checkpoints]
    assert event == {"checkpoint": checkpoints, "optimizer": states}
    for step, folder in folders.items():
        assert folder.exists() == (step in left)
        if step in left:
            has_state = step not in states
            assert (folder / "training.safetensors").exists() == has_state
            assert ("training.safetensors" in listed_files(folder / "checkpoint.json")) == has_state
            assert left[step].resumable == has_state
            assert left[step].bytes == sum(file.stat().st_size for file in folder.iterdir()) or has_state
    assert prune(database, settings.artifacts, asked(keep=keep)) == []


def test_a_job_that_could_go_on_and_a_starred_one_keep_all(database: Database, settings: Settings) -> None:
    with_checkpoints(database, settings)
    starred, _ = ended(database, settings)
    paused, _ = with_checkpoints(database, settings)
    with database.write() as session:
        edit_job(session, starred.id, JobChanges(starred=True))
        end(session, paused.id, paused.attempt, Status.PAUSED)
    assert found(database, settings, keep=[]) == []


def test_jobs_are_chosen_by_how_and_when_they_ended_and_by_archiving(
    database: Database, settings: Settings
) -> None:
    failed, _ = ended(database, settings, Status.FAILED)
    old, _ = ended(database, settings)
    archived, _ = ended(database, settings, Status.CANCELLED)
    with database.write() as session:
        session.execute(update(Job).where(Job.id == old.id).values(finished_at=now_s() - 100))
        edit_job(session, archived.id, JobChanges(archived=True))

    def jobs(**fields: Any) -> set[str]:
        return {job_id for job_id, _, _ in found(database, settings, **fields)}

    assert jobs() == {failed.id, old.id, archived.id}
    assert jobs(status=["failed", "cancelled"]) == {failed.id, archived.id}
    assert jobs(older_s=50.0) == {old.id}
    assert jobs(archived=True) == {archived.id}
    assert jobs(archived=False) == {failed.id, old.id}
    assert jobs(archived=True, status=["succeeded"]) == set()


def test_the_checkpoint_that_another_job_needs_stays_until_that_has_its_own(
    database: Database, settings: Settings
) -> None:
    parent, _ = ended(database, settings)
    child = queued_job(database, settings)
    with database.write() as session:
        columns = {"parent_id": parent.id, "parent_step": 10}
        session.execute(update(Job).where(Job.id == child.id).values(**columns))
    assert (parent.id, 10, "checkpoint") not in found(database, settings, keep=[])
    assert (parent.id, 20, "checkpoint") in found(database, settings, keep=[])
    with database.write() as session:
        session.execute(update(Job).where(Job.id == child.id).values(status=Status.CANCELLED))
    assert (parent.id, 10, "checkpoint") in found(database, settings, keep=[])


def test_a_job_that_was_starred_between_the_look_and_the_deletion_keeps_all(
    database: Database, settings: Settings
) -> None:
    job, _ = ended(database, settings)
    assert found(database, settings)
    with database.write() as session:
        edit_job(session, job.id, JobChanges(starred=True))
        assert forget_needless(session, settings.artifacts, job.id, asked()) == []


def test_a_state_whose_row_a_crash_has_given_up_is_found_by_its_file(
    database: Database, settings: Settings
) -> None:
    job, folders = ended(database, settings)
    with database.write() as session:
        forget_needless(session, settings.artifacts, job.id, asked())
    assert training_state_bytes(folders[40]) == STATE_BYTES, "as if it had crashed before the files went"
    assert found(database, settings) == [(job.id, 20, "optimizer"), (job.id, 40, "optimizer")]
    prune(database, settings.artifacts, asked())
    assert not (folders[40] / "training.safetensors").exists()


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"files": {}, "sha256": "0"}'])
def test_a_damaged_checkpoint_is_kept_as_it_is(
    database: Database, settings: Settings, content: bytes
) -> None:
    job, folders = ended(database, settings)
    (folders[40] / "checkpoint.json").write_bytes(content)
    assert (job.id, 40, "optimizer") not in found(database, settings)
    prune(database, settings.artifacts, asked())
    assert (folders[40] / "checkpoint.json").read_bytes() == content
    assert (folders[40] / "training.safetensors").exists()


def test_the_disk_is_told_by_job_the_largest_first(database: Database, settings: Settings) -> None:
    running, _ = with_checkpoints(database, settings)
    small, _ = ended(database, settings)
    queued_job(database, settings)
    prune(database, settings.artifacts, asked(keep=["last", "optimizer"]))
    with database.read() as session:
        told = disk_by_job(session, settings.artifacts)
    assert [(disk.job.id, disk.checkpoints, disk.bytes, disk.freeable_bytes) for disk in told] == [
        (running.id, 4, 4 * CHECKPOINT_BYTES, 0),
        (small.id, 1, CHECKPOINT_BYTES, STATE_BYTES),
    ]
    with database.write() as session:
        session.execute(update(Checkpoint).values(bytes=0))
        session.execute(update(Job).where(Job.id == small.id).values(initial_bytes=7))
    with database.read() as session:
        assert [disk.bytes for disk in disk_by_job(session, settings.artifacts)] == [7, 0]
