import errno
import os
import resource
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs.files import cleanup
from jobs.files.cleanup import PARTIAL_FILE_S, remove_deleted_models, sweep_models
from jobs.lifecycle.model_imports import delete_model
from jobs.lifecycle.preparation import claim_preparation, describe, reap_preparations
from jobs.lifecycle.reaper import messages_to_republish
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.database import now_s as database_now_s
from jobs.store.imported_models import get_model
from jobs.store.preparations import FAILED, QUEUED, READY
from jobs.store.tables import ImportedModel
from model.checkpoint import load_model
from tests.clocks import replace_clock
from tests.gpt2_files import random_tensors, write_model
from tests.imported import sent_model
from tests.jobs.making import announce_worker
from tests.worker.preparation.processes import started
from worker.preparation.model_preparer import ModelPreparer

LEASE_S = 30


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model")


def claimed(database: Database) -> ImportedModel:
    with database.write() as session:
        model = claim_preparation(session, "prepare-1", LEASE_S)
    assert isinstance(model, ImportedModel)
    return model


def run(database: Database, settings: Settings, model: ImportedModel, *, shutting_down: bool = False) -> None:
    event = threading.Event()
    if shutting_down:
        event.set()
    ModelPreparer(database, settings, model, event).run()


def found(database: Database, model: ImportedModel) -> ImportedModel:
    with database.read() as session:
        return get_model(session, model.id)


def stored(settings: Settings) -> list[str]:
    root = settings.artifacts / "models"
    return sorted(str(file.relative_to(root)) for file in root.rglob("*") if file.is_file())


def test_a_model_becomes_a_checkpoint_and_the_files_that_were_sent_go(
    database: Database, settings: Settings, files: Path
) -> None:
    model = sent_model(database, settings, files)
    run(database, settings, claimed(database))
    ready = found(database, model)
    assert (ready.status, ready.error, ready.upload_directory) == (READY, None, None)
    assert (ready.tokenizer, ready.parameters) == (
        "bytes",
        sum(tensor.numel() for tensor in random_tensors().values()),
    )
    assert ready.config is not None
    assert ready.config["emb_dim"] == 12
    assert ready.directory is not None
    loaded, run_of_it = load_model(settings.artifacts / ready.directory)
    assert sum(parameter.numel() for parameter in loaded.parameters()) == ready.parameters
    assert run_of_it.model.model_dump(mode="json") == ready.config
    names = [f"{model.id}/attempt-1/{name}" for name in ("checkpoint.json", "weights.safetensors")]
    assert stored(settings) == names
    with database.write() as session:
        assert claim_preparation(session, "prepare-1", LEASE_S) is None


def test_files_that_do_not_fit_fail_it_with_the_reason_and_go(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    tensors = random_tensors()
    del tensors["ln_f.bias"]
    model = sent_model(database, settings, write_model(tmp_path / "broken", tensors))
    run(database, settings, claimed(database))
    failed = found(database, model)
    assert (failed.status, failed.directory) == (FAILED, None)
    assert failed.error is not None
    assert "'ln_f.bias'" in failed.error
    assert stored(settings) == []


def test_files_that_are_gone_fail_it(database: Database, settings: Settings, files: Path) -> None:
    model = sent_model(database, settings, files)
    assert model.upload_directory is not None
    shutil.rmtree(settings.artifacts / model.upload_directory)
    run(database, settings, claimed(database))
    assert found(database, model).error == "the files that were sent are gone; send them again"


def test_a_full_disk_postpones_it_and_leaves_nothing_but_what_was_sent(
    database: Database, settings: Settings, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = sent_model(database, settings, files)
    sent = stored(settings)

    # A limit of a file's size ends a write as a full disk does, with another number.
    started(monkeypatch, lambda process: resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (100, 100)))
    run(database, settings, claimed(database))
    waiting = found(database, model)
    assert (waiting.status, waiting.error) == (QUEUED, os.strerror(errno.EFBIG))
    with database.read() as session:
        assert waiting.queued_at > session.execute(select(database_now_s())).scalar_one() + 30
    assert stored(settings) == sent


def test_a_process_that_is_killed_leaves_nothing_and_is_tried_again(
    database: Database, settings: Settings, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = sent_model(database, settings, files)
    sent = stored(settings)

    def kill(process: Any) -> None:
        unfinished = settings.artifacts / "models" / model.id / ".tmp-attempt-1"
        unfinished.mkdir(parents=True)
        (unfinished / "weights.safetensors").touch()
        process.kill()

    started(monkeypatch, kill)
    run(database, settings, claimed(database))
    waiting = found(database, model)
    assert (waiting.status, waiting.failures, stored(settings)) == (QUEUED, 1, sent)
    monkeypatch.undo()
    run(database, settings, claimed(database))
    assert found(database, model).status == READY


def test_a_worker_that_imports_a_model_does_not_load_pytorch(
    database: Database, settings: Settings, files: Path
) -> None:
    """While it is loaded no other thread runs: on a busy machine the worker would be killed as silent."""
    model = sent_model(database, settings, files)
    code = (
        "import sys, threading\n"
        "from jobs.lifecycle.preparation import claim_preparation\n"
        "from jobs.settings import load_settings\n"
        "from jobs.store.database import Database\n"
        "from worker.preparation.model_preparer import ModelPreparer\n"
        "settings = load_settings()\n"
        "database = Database(settings.database)\n"
        "with database.write() as session:\n"
        "    claimed = claim_preparation(session, 'prepare-1', 30)\n"
        "ModelPreparer(database, settings, claimed, threading.Event()).run()\n"
        "assert 'torch' not in sys.modules\n"
    )
    environment = {
        **os.environ,
        "PRETRAIN_DATA_DIR": str(settings.data_dir),
        "PRETRAIN_DATABASE_URL": settings.database,
    }
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert found(database, model).status == READY


def test_a_worker_that_shuts_down_hands_it_back(database: Database, settings: Settings, files: Path) -> None:
    model = sent_model(database, settings, files)
    sent = stored(settings)
    run(database, settings, claimed(database), shutting_down=True)
    waiting = found(database, model)
    assert (waiting.status, waiting.failures, stored(settings)) == (QUEUED, 0, sent)


def lose(database: Database, model: ImportedModel) -> None:
    """Let its lease run out, and be noticed."""
    with database.write() as session:
        session.get_one(ImportedModel, model.id).lease_expires_at = 0.0
    with database.write() as session:
        (lost,) = reap_preparations(session)
        assert describe(lost) == f"the import of the model {model.id}"


def test_a_lost_workers_model_is_imported_by_the_next_and_its_late_result_is_dropped(
    database: Database, settings: Settings, files: Path
) -> None:
    model = sent_model(database, settings, files)
    late = claimed(database)
    lose(database, model)
    run(database, settings, claimed(database))
    assert model.upload_directory is not None
    shutil.copytree(files, settings.artifacts / model.upload_directory)  # as if it had read them in time
    run(database, settings, late)
    ready = found(database, model)
    assert (ready.status, ready.attempt, ready.failures) == (READY, 2, 1)
    assert not (settings.artifacts / "models" / model.id / "attempt-1").exists()
    assert load_model(settings.artifacts / str(ready.directory))


def test_an_end_whose_confirmation_was_lost_keeps_the_checkpoint(
    database: Database, settings: Settings, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def twice(transaction: Callable[[], AbstractContextManager[Session]], action: Any) -> Any:
        """As `retry_while_unavailable` does it then."""
        with transaction() as session:
            action(session)
        with transaction() as session:
            return action(session)

    model = sent_model(database, settings, files)
    monkeypatch.setattr("worker.preparation.preparer.retry_while_unavailable", twice)
    run(database, settings, claimed(database))
    ready = found(database, model)
    assert ready.status == READY
    assert load_model(settings.artifacts / str(ready.directory))


def test_a_model_that_three_workers_die_of_fails(database: Database, settings: Settings, files: Path) -> None:
    model = sent_model(database, settings, files)
    for _ in range(3):
        claimed(database)
        lose(database, model)
    failed = found(database, model)
    assert (failed.status, failed.failures) == (FAILED, 3)
    assert failed.error == "3 workers were lost while they prepared it; the last was prepare-1"


def test_an_idle_worker_is_told_of_a_model_that_waits(
    database: Database, settings: Settings, files: Path
) -> None:
    announce_worker(database, "prepare")
    with database.read() as session:
        assert messages_to_republish(session, LEASE_S) == {}
    sent_model(database, settings, files)
    with database.read() as session:
        assert messages_to_republish(session, LEASE_S) == {"prepare": 1}


def test_a_model_that_is_deleted_meanwhile_leaves_nothing(
    database: Database, settings: Settings, files: Path
) -> None:
    model = sent_model(database, settings, files)
    owned = claimed(database)
    with database.write() as session:
        delete_model(session, model.id)
    run(database, settings, owned)
    remove_deleted_models(database, settings.artifacts)
    assert not (settings.artifacts / "models" / model.id).exists()


def test_the_keeper_deletes_what_crashes_left_and_nothing_else(
    database: Database, settings: Settings, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting, imported = sent_model(database, settings, files), sent_model(database, settings, files)
    with database.write() as session:
        session.get_one(ImportedModel, waiting.id).queued_at += 1000
    run(database, settings, claimed(database))
    folder = settings.artifacts / "models"
    for name in (f"{imported.id}/.tmp-attempt-0", ".upload-1-crashed", "model-of-another-database/attempt-1"):
        (folder / name).mkdir(parents=True)
        (folder / name / "weights.safetensors").write_bytes(b"0")
    kept = [name for name in stored(settings) if "crashed" not in name and ".tmp" not in name]
    sweep_models(database, settings.artifacts)
    assert ".upload-1-crashed/weights.safetensors" in stored(settings), "it may still be arriving"
    now_s = time.time() + PARTIAL_FILE_S + 60
    replace_clock(monkeypatch, cleanup, time=lambda: now_s)
    sweep_models(database, settings.artifacts)
    assert stored(settings) == kept
    assert any(name.startswith(str(Path(str(waiting.upload_directory)).name)) for name in kept)
