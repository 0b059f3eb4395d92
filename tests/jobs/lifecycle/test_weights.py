"""Checkpoints' weights, opened while the job goes on."""

import shutil

import pytest

from jobs.lifecycle.weights import WeightsLost, open_weights
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.lookup import NotFound
from tests.api.seeds import stored_checkpoint
from tests.jobs.making import running_job

WEIGHTS = bytes(range(256)) * 10


def test_what_is_open_stays_readable_when_it_is_deleted(database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    file = stored_checkpoint(database, settings, job, 9, WEIGHTS)
    weights = open_weights(database, settings.artifacts, job.id, "last")
    shutil.rmtree(file.parent)
    with weights.file:
        assert (weights.job.id, weights.checkpoint.step, weights.size_bytes) == (job.id, 9, len(WEIGHTS))
        weights.verify()
        weights.file.seek(0)
        assert weights.file.read() == WEIGHTS


def test_a_bit_that_flipped_is_found_by_who_reads_all(database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    file = stored_checkpoint(database, settings, job, 9, WEIGHTS)
    file.write_bytes(WEIGHTS[:-1] + b"\x00")
    weights = open_weights(database, settings.artifacts, job.id, "best")
    with weights.file, pytest.raises(WeightsLost, match="step 9 are damaged"):
        weights.verify()


def test_a_checkpoint_that_is_not_listed_is_not_found(database: Database, settings: Settings) -> None:
    job = running_job(database, settings)
    with pytest.raises(NotFound):
        open_weights(database, settings.artifacts, job.id, "last")
