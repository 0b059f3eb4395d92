"""Jobs that start from a model from outside, trained by real trainer processes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load, load_file

from api.exports.hugging_face import hugging_face_folder
from jobs.lifecycle.checkpoints import list_checkpoints
from jobs.lifecycle.history import list_evaluations
from jobs.lifecycle.starting import post, source_finder
from jobs.lifecycle.weights import open_weights
from jobs.settings import Settings
from jobs.spec.parsing import parse_spec
from jobs.spec.stored_specs import read_spec
from jobs.states import Status
from jobs.store.database import Database
from jobs.store.lookup import get_job
from jobs.store.tables import ImportedModel, Job
from tests.gpt2_files import write_model
from tests.imported import imported_model
from tests.worker.conftest import Attempt

pytestmark = [pytest.mark.slow, pytest.mark.sqlite_will_do]

STANDING_STILL = {"learning_rate": 1e-30, "weight_decay": 0.0}
"""A rate at which no float32 changes."""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model")


@pytest.fixture
def model(database: Database, settings: Settings, files: Path) -> ImportedModel:
    return imported_model(database, settings, files)


def trained(
    database: Database,
    settings: Settings,
    attempt: Callable[[Job], Attempt],
    start_from: dict[str, Any],
    model: dict[str, Any] | None = None,
    **training: Any,
) -> Job:
    body = {
        "dataset": "sample",
        "start_from": start_from,
        "model": model or {},
        "training": {"max_steps": 3, "numerics": "float32", **training},
        "evaluation": {"eval_freq": 1, "eval_iter": 1},
        "sampling": {"max_new_tokens": 3},
    }
    job, _ = post(database, settings, parse_spec(body, source_finder(database)))
    attempt(job).join()
    with database.read() as session:
        ended = get_job(session, job.id)
    assert ended.status == Status.SUCCEEDED, ended.error
    return ended


def sha256_of(database: Database, job: Job) -> str:
    with database.read() as session:
        return list_checkpoints(session, job.id)[-1].sha256


def test_a_job_begins_with_the_weights_and_its_export_has_them_again(
    database: Database,
    settings: Settings,
    attempt: Callable[[Job], Attempt],
    model: ImportedModel,
    files: Path,
) -> None:
    job = trained(database, settings, attempt, {"model": model.id}, **STANDING_STILL)
    assert sha256_of(database, job) == model.sha256
    with database.read() as session:
        assert [row.step for row in list_evaluations(session, job.id)] == [0, 1, 2]
    weights = open_weights(database, settings.artifacts, job.id, "last")
    with weights.file:
        members = {member.name: member for member in hugging_face_folder(weights, read_spec(job.spec))}
        exported = load(b"".join(members["model.safetensors"].chunks()))
    sent = load_file(files / "model.safetensors")
    assert {name.removeprefix("transformer.") for name in exported} == set(sent)
    for name, tensor in exported.items():
        assert torch.equal(tensor, sent[name.removeprefix("transformer.")]), name


def test_it_learns_and_another_job_starts_from_what_it_has_learnt(
    database: Database, settings: Settings, attempt: Callable[[Job], Attempt], model: ImportedModel
) -> None:
    first = trained(database, settings, attempt, {"model": model.id})
    assert sha256_of(database, first) != model.sha256
    second = trained(database, settings, attempt, {"job": first.id, "checkpoint": "last"}, **STANDING_STILL)
    assert sha256_of(database, second) == sha256_of(database, first)
    assert (second.parent_id, second.parent_step) == (first.id, 3)


def test_a_shorter_context_takes_the_first_positions(
    database: Database,
    settings: Settings,
    attempt: Callable[[Job], Attempt],
    model: ImportedModel,
    files: Path,
) -> None:
    job = trained(
        database,
        settings,
        attempt,
        {"model": model.id},
        {"context_length": 6, "drop_rate": 0.0},
        **STANDING_STILL,
    )
    with open_weights(database, settings.artifacts, job.id, "last").file as file:
        weights = load(file.read())
    sent = load_file(files / "model.safetensors")
    assert torch.equal(weights["pos_emb.weight"], sent["wpe.weight"][:6])
    assert torch.equal(weights["tok_emb.weight"], sent["wte.weight"])
