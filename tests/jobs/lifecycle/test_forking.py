"""Forking a job."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from jobs.files import initial_weights
from jobs.files.cleanup import remove_deleted, remove_needless_initial
from jobs.files.layout import initial_directory, jobs_directory
from jobs.files.token_counts import Counted
from jobs.lifecycle.attempts import claim, end
from jobs.lifecycle.forking import fork
from jobs.lifecycle.preparation import claim_preparation, finish_preparation
from jobs.lifecycle.requests import CheckpointNeeded, delete_job, request_cancel
from jobs.lifecycle.weights import WeightsLost
from jobs.settings import Settings
from jobs.spec.forks import ForkRequest
from jobs.states import TERMINAL, Status
from jobs.store.database import Database
from jobs.store.lookup import NotFound, get_job
from jobs.store.tables import Job, Removal
from jobs.validation.field_errors import SpecError
from jobs.validation.parsing import parse
from tests.jobs.checkpoints import resumable_checkpoint
from tests.jobs.making import long_dataset, queued_job, running_job

FILES = {"weights.safetensors", "training.safetensors", "checkpoint.json"}


@pytest.fixture
def parent(database: Database, settings: Settings) -> Job:
    """A running job."""
    return running_job(database, settings)


def forked(database: Database, settings: Settings, parent: Job, **request: Any) -> Job:
    return fork(database, settings, parent.id, parse(ForkRequest, request))[0]


def errors_of(database: Database, settings: Settings, parent: Job, **request: Any) -> dict[str, str]:
    with pytest.raises(SpecError) as wrong:
        forked(database, settings, parent, **request)
    return {error.field: error.message for error in wrong.value.errors}


def stored_jobs(database: Database) -> set[str]:
    with database.read() as session:
        return set(session.scalars(select(Job.id)))


def initial_files(settings: Settings, job: Job) -> set[str]:
    return {path.name for path in initial_directory(settings.artifacts, job.id).iterdir()}


@pytest.mark.parametrize("status", [Status.RUNNING, Status.PAUSED, *sorted(TERMINAL)])
def test_a_job_in_any_status_can_be_forked(
    database: Database, settings: Settings, parent: Job, status: Status
) -> None:
    resumable_checkpoint(database, settings, parent, 8)
    if status != Status.RUNNING:
        with database.write() as session:
            end(session, parent.id, parent.attempt, status)
    child = forked(database, settings, parent)
    assert (child.status, child.attempt) == (Status.QUEUED, 0)
    assert (child.parent_id, child.parent_step, child.takes_optimizer) == (parent.id, 8, True)
    assert (child.step, child.epoch, child.tokens_seen) == (8, 1, 1024)
    assert child.spec == parent.spec
    assert initial_files(settings, child) == FILES
    assert child.initial_bytes > 300


def test_the_environment_that_the_parent_resolved_is_the_childs(
    database: Database, settings: Settings, parent: Job
) -> None:
    resumable_checkpoint(database, settings, parent, 8)
    with database.write() as session:
        session.execute(update(Job).values(numerics="bfloat16", threads=3, device="cpu"))
    child = forked(database, settings, parent)
    assert (child.numerics, child.threads, child.device) == ("bfloat16", 3, "cpu")
    other = forked(database, settings, parent, spec={"training": {"numerics": "reference"}})
    fresh = forked(database, settings, parent, with_optimizer=False)
    for job in (other, fresh):
        assert (job.numerics, job.threads, job.device) == (None, None, None)


def test_without_the_optimizer_it_starts_at_step_0_from_the_weights(
    database: Database, settings: Settings, parent: Job
) -> None:
    resumable_checkpoint(database, settings, parent, 8, resumable=False)
    child = forked(database, settings, parent, with_optimizer=False)
    assert (child.parent_step, child.takes_optimizer, child.step, child.tokens_seen) == (8, False, 0, 0)
    assert initial_files(settings, child) == FILES - {"training.safetensors"}


def test_a_checkpoint_is_chosen_by_its_name_or_step(
    database: Database, settings: Settings, parent: Job
) -> None:
    for step, val_loss in ((4, 7.0), (8, 6.0), (12, 6.5)):
        resumable_checkpoint(database, settings, parent, step, val_loss=val_loss)
    chosen = {name: forked(database, settings, parent, checkpoint=name) for name in ("last", "best", 4)}
    assert {name: job.parent_step for name, job in chosen.items()} == {"last": 12, "best": 8, 4: 4}


def test_the_optimizers_state_that_is_gone_is_named_with_the_checkpoints_that_have_it(
    database: Database, settings: Settings, parent: Job
) -> None:
    resumable_checkpoint(database, settings, parent, 4)
    resumable_checkpoint(database, settings, parent, 8, resumable=False)
    message = errors_of(database, settings, parent)["checkpoint"]
    assert "step 8 has its weights alone" in message
    assert "with it: 4" in message


def test_a_job_without_a_checkpoint_and_an_unknown_one_are_not_found(
    database: Database, settings: Settings, parent: Job
) -> None:
    with pytest.raises(NotFound, match="none yet"):
        forked(database, settings, parent)
    with pytest.raises(NotFound, match="no job 'job-0'"):
        fork(database, settings, "job-0", ForkRequest())


def test_what_the_text_or_a_limit_rules_out_is_said_by_its_place_in_the_body(
    database: Database, settings: Settings, parent: Job
) -> None:
    resumable_checkpoint(database, settings, parent, 8)
    assert errors_of(database, settings, parent, spec={"dataset": "nothing"}).keys() == {"spec.dataset"}
    found = errors_of(database, settings, parent, spec={"training": {"batch_size": 200}})
    assert found.keys() == {"spec.training.batch_size"}
    assert stored_jobs(database) == {parent.id}
    assert [folder.name for folder in jobs_directory(settings.artifacts).iterdir()] == [parent.id]


def test_fewer_steps_than_the_checkpoint_has_done_are_refused(
    database: Database, settings: Settings, parent: Job
) -> None:
    resumable_checkpoint(database, settings, parent, 8)
    fewer, as_many = ({"training": {"max_steps": steps}} for steps in (7, 8))
    message = errors_of(database, settings, parent, spec=fewer)["spec.training.max_steps"]
    assert message == "comes to 7 steps in all, and the checkpoint has done 8; must be greater"
    assert forked(database, settings, parent, spec=as_many).total_steps == 8
    assert forked(database, settings, parent, spec=fewer, with_optimizer=False).total_steps == 7


def test_on_a_text_that_is_not_prepared_the_steps_are_compared_later(
    database: Database, settings: Settings
) -> None:
    parent = running_job(database, settings, tokenizer="bytes")
    resumable_checkpoint(database, settings, parent, 1_000_000)
    child = forked(database, settings, parent, spec={"dataset": long_dataset(database, settings).id})
    with database.write() as session:
        claimed = next(iter(lambda: claim_preparation(session, "w", 30), None))
        while claimed.tokenizer != "bytes":
            claimed = claim_preparation(session, "w", 30)
            assert claimed is not None
        counts = Counted({"train": 100_000, "validation": 10_000})
        finish_preparation(session, claimed, counts, settings)
        failed = get_job(session, child.id)
    assert failed.status == Status.FAILED
    assert failed.error is not None
    assert "the checkpoint has done 1,000,000" in failed.error["message"]


def test_a_checkpoint_that_the_parent_replaces_meanwhile_is_looked_up_again(
    database: Database, settings: Settings, parent: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = resumable_checkpoint(database, settings, parent, 4)
    link_or_copy = initial_weights.link_or_copy

    def replaced_meanwhile(source: Path, target: Path) -> None:
        if source.parent == gone and source.name == "weights.safetensors":
            resumable_checkpoint(database, settings, parent, 8)
            shutil.rmtree(gone)
        link_or_copy(source, target)

    monkeypatch.setattr(initial_weights, "link_or_copy", replaced_meanwhile)
    child = forked(database, settings, parent)
    assert child.parent_step == 8
    assert initial_files(settings, child) == FILES


def test_files_that_are_gone_from_the_disk_leave_no_job_behind(
    database: Database, settings: Settings, parent: Job
) -> None:
    folder = resumable_checkpoint(database, settings, parent, 8)
    (folder / "training.safetensors").unlink()
    with pytest.raises(WeightsLost, match="step 8 are gone"):
        forked(database, settings, parent)
    assert stored_jobs(database) == {parent.id}
    assert [path.name for path in jobs_directory(settings.artifacts).iterdir()] == [parent.id]


def test_a_parent_that_is_deleted_meanwhile_is_not_found_and_nothing_is_left(
    database: Database, settings: Settings, parent: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    resumable_checkpoint(database, settings, parent, 8)
    with database.write() as session:
        end(session, parent.id, parent.attempt, Status.SUCCEEDED)
    submit = fork.__globals__["submit"]

    def deleted_meanwhile(*arguments: Any) -> Any:
        with database.write() as session:
            delete_job(session, parent.id)
        return submit(*arguments)

    monkeypatch.setitem(fork.__globals__, "submit", deleted_meanwhile)
    with pytest.raises(NotFound, match="has just been deleted"):
        forked(database, settings, parent)
    remove_deleted(database, settings.artifacts)
    assert stored_jobs(database) == set()
    assert list(jobs_directory(settings.artifacts).iterdir()) == []
    with database.read() as session:
        assert list(session.scalars(select(Removal))) == []


def test_a_parent_stays_until_its_child_has_a_checkpoint_of_its_own(
    database: Database, settings: Settings, parent: Job
) -> None:
    resumable_checkpoint(database, settings, parent, 8)
    with database.write() as session:
        end(session, parent.id, parent.attempt, Status.FAILED)
    child = forked(database, settings, parent)
    with pytest.raises(CheckpointNeeded, match=child.id), database.write() as session:
        delete_job(session, parent.id)
    with database.write() as session:
        claimed = claim(session, child.id, "worker-1", 30)
    assert claimed is not None
    resumable_checkpoint(database, settings, claimed, 12)
    with database.write() as session:
        delete_job(session, parent.id)
    remove_deleted(database, settings.artifacts)
    assert initial_files(settings, child) == FILES
    with database.read() as session:
        assert get_job(session, child.id).parent_id == parent.id


def test_a_child_that_has_ended_keeps_its_parent_no_longer(
    database: Database, settings: Settings, parent: Job
) -> None:
    resumable_checkpoint(database, settings, parent, 8)
    with database.write() as session:
        end(session, parent.id, parent.attempt, Status.FAILED)
    child = forked(database, settings, parent)
    with database.write() as session:
        request_cancel(session, child.id)
        delete_job(session, parent.id)
    assert stored_jobs(database) == {child.id}


def test_what_a_job_has_started_from_goes_when_it_has_ended(
    database: Database, settings: Settings, parent: Job
) -> None:
    resumable_checkpoint(database, settings, parent, 8)
    ended, waiting = (forked(database, settings, parent) for _ in range(2))
    with database.write() as session:
        request_cancel(session, ended.id)
    remove_needless_initial(database, settings.artifacts)
    assert not initial_directory(settings.artifacts, ended.id).exists()
    assert initial_files(settings, waiting) == FILES
    with database.read() as session:
        assert get_job(session, ended.id).initial_bytes == 0
        assert get_job(session, waiting.id).initial_bytes == waiting.initial_bytes


def test_a_childs_child_has_the_child_as_parent(database: Database, settings: Settings, parent: Job) -> None:
    resumable_checkpoint(database, settings, parent, 8)
    child = forked(database, settings, parent)
    with database.write() as session:
        claimed = claim(session, child.id, "worker-1", 30)
    assert claimed is not None
    resumable_checkpoint(database, settings, claimed, 9)
    grandchild = forked(database, settings, child)
    assert (grandchild.parent_id, grandchild.parent_step) == (child.id, 9)


def test_a_job_that_was_not_forked_says_so(database: Database, settings: Settings) -> None:
    job = queued_job(database, settings)
    assert (job.parent_id, job.parent_step, job.takes_optimizer, job.initial_bytes) == (None, None, None, 0)
