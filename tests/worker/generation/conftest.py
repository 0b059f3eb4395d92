"""A job whose checkpoints are real ones of a tiny model."""

import shutil

import pytest
import torch

from jobs.lifecycle.checkpoints import record_checkpoint
from jobs.settings import Settings
from jobs.store.database import Database
from tests.jobs.making import running_job
from tests.model.tiny import Recorder, newest, tiny_run, train_tiny
from worker.generation.models import Models


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """The folder of a checkpoint, of whose weights nothing depends on the backend."""
    root = tmp_path_factory.mktemp("trained")
    train_tiny(tiny_run(training={"max_steps": 1}), root, Recorder())
    return newest(root)


@pytest.fixture
def on_cpu(monkeypatch):
    """In float32."""
    monkeypatch.setattr("worker.generation.models.pick_device", lambda: torch.device("cpu"))
    monkeypatch.setattr("worker.generation.models.resolve_numerics", lambda *_: "float32")


@pytest.fixture
def models(settings: Settings, database: Database, on_cpu) -> Models:
    return Models(settings, database)


@pytest.fixture
def job(database: Database, settings: Settings):
    return running_job(database, settings)


@pytest.fixture
def write(database: Database, settings: Settings, job, trained):
    """Puts a checkpoint of the job in its place and lists it, as its trainer does; the one before goes."""

    def write(step: int) -> str:
        directory = f"jobs/{job.id}/attempt-1/step-{step}"
        shutil.copytree(trained, settings.artifacts / directory)
        row = {
            "step": step, "epoch": 1, "train_loss": 5.0, "val_loss": 6.0 - step / 100, "bytes": 1000,
            "sha256": f"{step:064d}", "directory": directory,
        }  # fmt: skip
        with database.write() as session:
            gone = record_checkpoint(session, job.id, job.attempt, row, keep_last=1, keep_best=0)
        for old in gone.directories:
            shutil.rmtree(settings.artifacts / old)
        return directory

    return write
