"""Finding checkpoints and loading them, with a database and files."""

import shutil

import numpy as np
import pytest

from jobs.lifecycle.attempts import end
from jobs.lifecycle.checkpoints import record_checkpoint
from jobs.lifecycle.requests import delete_job
from jobs.states import Status
from jobs.store.lookup import NotFound
from model.data import Data
from model.generation import generate
from model.manifest import MANIFEST, WEIGHTS, CheckpointError
from model.tokenizers import load_tokenizer
from model.training import train
from tests.model.tiny import CPU, TEXT, Recorder, newest, tiny_run
from worker.generation.models import CheckpointDamaged, Models


def test_last_is_the_newest_each_time(models, write, job):
    write(1)
    first = models.find(job.id, "last")
    write(2)
    assert (first.step, models.find(job.id, "last").step, models.find(None, "best").step) == (1, 2, 2)
    with pytest.raises(NotFound, match=r"no checkpoint '1'; .* steps: 2"):
        models.find(job.id, "1")


def test_a_checkpoint_that_is_replaced_between_finding_and_reading_gives_way_to_the_newest(
    models, write, job, monkeypatch
):
    write(1)
    first = models.find(job.id, "last")
    write(2)
    with monkeypatch.context() as patch:
        answers = iter([first, models.find(job.id, "last")])
        patch.setattr(models, "find", lambda *_: next(answers))
        checkpoint, manifest, _ = models.find_with_manifest(job.id, "last")
    assert checkpoint.step == 2
    assert manifest.run.tokenizer == "bytes"
    with pytest.raises(CheckpointError) as gone:
        models.load(first)
    assert models.find_replacement(first, "last", gone.value).step == 2


@pytest.mark.parametrize("name", [WEIGHTS, MANIFEST])
def test_a_damaged_checkpoint_is_told_without_a_path(models, write, job, settings, name):
    folder = settings.artifacts / write(1)
    (folder / name).write_bytes(b"no longer what it was")
    checkpoint = models.find(job.id, "last")
    with pytest.raises(CheckpointError) as damage:
        models.load(checkpoint)
    with pytest.raises(CheckpointDamaged) as damaged:
        models.find_replacement(checkpoint, "last", damage.value)
    assert str(damaged.value) == f"the checkpoint of step 1 of job {job.id} is damaged"


def test_the_checkpoint_of_a_deleted_job_is_not_found(models, write, job, database, settings):
    write(1)
    checkpoint = models.find(job.id, "last")
    with database.write() as session:
        end(session, job.id, job.attempt, Status.SUCCEEDED)
        delete_job(session, job.id)
    shutil.rmtree(settings.artifacts / "jobs" / job.id)
    with pytest.raises(CheckpointError) as gone:
        models.load(checkpoint)
    with pytest.raises(NotFound, match=job.id):
        models.find_replacement(checkpoint, "last", gone.value)


@pytest.mark.parametrize("int8", [False, True])
def test_a_model_is_loaded_with_the_weights_that_were_asked_for(int8, settings, database, write, job, on_cpu):
    models = Models(settings.model_copy(update={"generate_int8": int8}), database)
    models.warm_up()
    write(1)
    model = models.load(models.find(job.id, "last"))
    engine = model.make_engine()
    assert engine.weights.head.blocks.dtype == (np.int8 if int8 else np.float32)
    assert len(list(generate(model.gpt, [1, 2, 3], 4, engine=engine))) == 4


@pytest.mark.parametrize("ends", [[], [load_tokenizer("bytes").end_of_text]])
def test_a_checkpoint_says_whether_it_was_trained_on_ends_of_texts(ends, models, job, database, settings):
    run, recorder = tiny_run(), Recorder()
    tokens = [*ends, *TEXT.encode()]
    directory = f"jobs/{job.id}/attempt-1"
    train(
        run,
        Data.from_ids(tokens[:140], tokens[140:], run),
        on_event=recorder.record,
        should_stop=recorder.should_stop,
        checkpoint_root=settings.artifacts / directory,
        numerics="float32",
        device=CPU,
    )
    name = newest(settings.artifacts / directory).name
    row = {
        "step": 1, "epoch": 1, "train_loss": 5.0, "val_loss": 6.0, "bytes": 1000, "sha256": "its sha256",
        "directory": f"{directory}/{name}",
    }  # fmt: skip
    with database.write() as session:
        record_checkpoint(session, job.id, job.attempt, row, keep_last=1, keep_best=1)
    _, manifest, _ = models.find_with_manifest(job.id, "last")
    assert manifest.ends_texts is bool(ends)
