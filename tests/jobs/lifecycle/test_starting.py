"""Posting a job that starts from weights."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from jobs.files.layout import initial_directory, jobs_directory
from jobs.lifecycle import starting
from jobs.lifecycle.attempts import claim, end
from jobs.lifecycle.model_imports import delete_model
from jobs.lifecycle.requests import CheckpointNeeded, delete_job, request_cancel
from jobs.lifecycle.starting import post, source_finder
from jobs.lifecycle.weights import WeightsLost
from jobs.settings import Settings
from jobs.spec.parsing import parse_spec
from jobs.states import Status
from jobs.store.database import Database
from jobs.store.lookup import get_job
from jobs.store.tables import ImportedModel, Job
from jobs.validation.field_errors import SpecError
from tests.gpt2_files import write_model
from tests.imported import imported_model, sent_model
from tests.jobs.checkpoints import resumable_checkpoint
from tests.jobs.making import TINY, running_job


@pytest.fixture
def parent(database: Database, settings: Settings) -> Job:
    """A running job with checkpoints of the steps 4, 8 (the best) and 12."""
    job = running_job(database, settings)
    for step, val_loss in ((4, 7.0), (8, 5.0), (12, 6.0)):
        resumable_checkpoint(database, settings, job, step, val_loss=val_loss)
    return job


@pytest.fixture
def model(database: Database, settings: Settings, tmp_path: Path) -> ImportedModel:
    return imported_model(database, settings, write_model(tmp_path / "model"))


def posted(database: Database, settings: Settings, start_from: dict[str, Any], **spec: Any) -> Job:
    body = {"dataset": "sample", "start_from": start_from, **spec}
    return post(database, settings, parse_spec(body, source_finder(database)))[0]


def wrong(database: Database, settings: Settings, start_from: dict[str, Any], **spec: Any) -> dict[str, str]:
    with pytest.raises(SpecError) as refused:
        posted(database, settings, start_from, **spec)
    return {error.field: error.message for error in refused.value.errors}


def initial_files(settings: Settings, job: Job) -> set[str]:
    return {path.name for path in initial_directory(settings.artifacts, job.id).iterdir()}


@pytest.mark.parametrize(("checkpoint", "step"), [(None, 12), ("last", 12), ("best", 8), (4, 4)])
def test_a_checkpoints_weights_are_the_new_jobs_own_without_its_optimizer(
    database: Database, settings: Settings, parent: Job, checkpoint: Any, step: int
) -> None:
    asked = {"job": parent.id} if checkpoint is None else {"job": parent.id, "checkpoint": checkpoint}
    job = posted(database, settings, asked)
    assert (job.parent_id, job.parent_step, job.parent_model_id) == (parent.id, step, None)
    assert (job.takes_optimizer, job.step, job.spec["model"]) == (False, 0, parent.spec["model"])
    assert initial_files(settings, job) == {"weights.safetensors", "checkpoint.json"}
    weights = settings.artifacts / f"jobs/{parent.id}/attempt-1/step-{step:08d}/weights.safetensors"
    assert (initial_directory(settings.artifacts, job.id) / weights.name).samefile(weights)


def test_a_model_from_outside_fills_in_model_and_tokenizer(
    database: Database, settings: Settings, model: ImportedModel
) -> None:
    job = posted(database, settings, {"model": model.id}, model={"drop_rate": 0.0, "context_length": 8})
    assert (job.parent_id, job.parent_model_id, job.takes_optimizer) == (None, model.id, False)
    assert job.spec["tokenizer"] == "bytes"
    assert job.spec["model"] == {**(model.config or {}), "drop_rate": 0.0, "context_length": 8}
    assert initial_files(settings, job) == {"weights.safetensors", "checkpoint.json"}


def test_what_is_not_there_is_refused_and_leaves_nothing(
    database: Database, settings: Settings, parent: Job, tmp_path: Path
) -> None:
    waiting = sent_model(database, settings, write_model(tmp_path / "waiting"))
    folders = set(jobs_directory(settings.artifacts).iterdir())
    assert wrong(database, settings, {"job": "job-0"}) == {"start_from.job": "no job 'job-0'"}
    assert (
        "its checkpoints' steps: 4, 8, 12"
        in (wrong(database, settings, {"job": parent.id, "checkpoint": 5})["start_from.checkpoint"])
    )
    assert wrong(database, settings, {"model": "model-0"}) == {"start_from.model": "no model 'model-0'"}
    assert "is still being prepared" in wrong(database, settings, {"model": waiting.id})["start_from.model"]
    assert "model.emb_dim" in wrong(
        database, settings, {"job": parent.id}, model={"emb_dim": 8, "n_heads": 1}
    )
    assert set(jobs_directory(settings.artifacts).iterdir()) == folders


def test_a_spec_that_nobody_filled_in_from_its_source_is_held_against_it(
    database: Database, settings: Settings, model: ImportedModel
) -> None:
    spec = parse_spec({**TINY, "start_from": {"model": model.id}})
    with pytest.raises(SpecError, match=r"tokenizer: must be 'bytes'.*model.emb_dim: must be 12"):
        post(database, settings, spec)


def test_a_checkpoint_that_is_replaced_meanwhile_is_looked_up_again(
    database: Database, settings: Settings, parent: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, missed = starting.link_checkpoint, []

    def link_late(source: Path, folder: Path, **options: Any) -> int:
        if not missed:
            missed.append(source)
            resumable_checkpoint(database, settings, parent, 16)
            shutil.rmtree(source)
        return link(source, folder, **options)

    monkeypatch.setattr(starting, "link_checkpoint", link_late)
    assert posted(database, settings, {"job": parent.id}).parent_step == 16


def test_weights_whose_files_are_gone_are_told(
    database: Database, settings: Settings, model: ImportedModel
) -> None:
    shutil.rmtree(settings.artifacts / str(model.directory))
    with pytest.raises(WeightsLost, match=f"the files of the model {model.id} are gone from the disk"):
        posted(database, settings, {"model": model.id})
    with database.read() as session:
        assert session.scalars(select(Job.id)).all() == []


def test_a_source_can_be_deleted_only_when_the_job_has_a_checkpoint_or_has_ended(
    database: Database, settings: Settings, parent: Job, model: ImportedModel
) -> None:
    with database.write() as session:
        end(session, parent.id, parent.attempt, Status.SUCCEEDED)
    of_job = posted(database, settings, {"job": parent.id})
    of_model = posted(database, settings, {"model": model.id})
    with pytest.raises(CheckpointNeeded, match=of_job.id), database.write() as session:
        delete_job(session, parent.id)
    with pytest.raises(CheckpointNeeded, match=of_model.id), database.write() as session:
        delete_model(session, model.id)
    with database.write() as session:
        request_cancel(session, of_job.id)
        claimed = claim(session, of_model.id, "worker-1", lease_s=30)
    assert claimed is not None
    resumable_checkpoint(database, settings, claimed, 1)
    with database.write() as session:
        delete_job(session, parent.id)
        delete_model(session, model.id)
    with database.read() as session:
        assert get_job(session, of_model.id).parent_model_id == model.id
    assert "weights.safetensors" in initial_files(settings, of_model), "they are its own"
