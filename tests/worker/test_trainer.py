"""What a trainer does around the training itself."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.artifacts import checkpoint_root
from jobs.database import Database
from jobs.history import list_checkpoints
from jobs.settings import Settings
from model import checkpoint as checkpoints
from model.checkpoint import TRAINING, WEIGHTS, VerifiedCheckpoint
from model.events import Event
from model.training import train
from tests.jobs.making import running_job
from tests.model.tiny import CPU, tiny_data, tiny_run
from worker.recorder import Recorder
from worker.trainer import newest_good_checkpoint


def train_a_step(
    root: Path, on_event: Callable[[Event], object], resume_from: VerifiedCheckpoint | None = None
) -> None:
    """Of a tiny run, and the checkpoint that stopping there writes."""
    run = tiny_run()
    train(
        run,
        tiny_data(run),
        on_event=on_event,
        should_stop=lambda: True,
        checkpoint_root=root,
        numerics="float32",
        device=CPU,
        resume_from=resume_from,
    )


def test_a_resume_checks_every_sum_of_a_checkpoint_once(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = running_job(database, settings)
    recorder = Recorder(database, settings.artifacts, job, tiny_run().checkpoints, alive=lambda: None)
    train_a_step(checkpoint_root(settings.artifacts, job.id, job.attempt), recorder)
    with database.read() as session:
        listed = list_checkpoints(session, job.id)

    summed: Counter[str] = Counter()
    file_checksum = checkpoints.file_checksum

    def counted(path: Path, name: str) -> str:
        summed[path.name] += 1
        return file_checksum(path, name)

    monkeypatch.setattr(checkpoints, "file_checksum", counted)
    found = newest_good_checkpoint(database, settings, job, listed)
    assert found is not None
    train_a_step(settings.artifacts / "next", lambda event: None, resume_from=found)
    assert summed == {WEIGHTS: 1, TRAINING: 1}
