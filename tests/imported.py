"""Models from outside, sent and imported by the functions that API and workers use."""

import threading
from pathlib import Path

from jobs.files.model_files import arriving_model
from jobs.lifecycle.preparation import claim_preparation
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.imported_models import get_model, insert_model
from jobs.store.preparations import READY
from jobs.store.tables import ImportedModel
from worker.preparation.model_preparer import ModelPreparer


def sent_model(database: Database, settings: Settings, files: Path) -> ImportedModel:
    """As `POST /models` stores the files of a folder."""
    with arriving_model(settings.artifacts) as arriving:
        for file in files.iterdir():
            arriving.write(file.name, [file.read_bytes()])
        directory = str(arriving.directory.relative_to(settings.artifacts))
        with database.write() as session:
            return insert_model(session, "mine", arriving.bytes, directory)


def imported_model(database: Database, settings: Settings, files: Path) -> ImportedModel:
    """One that is ready."""
    sent = sent_model(database, settings, files)
    with database.write() as session:
        claimed = claim_preparation(session, "prepare-1", lease_s=30)
    assert isinstance(claimed, ImportedModel)
    ModelPreparer(database, settings, claimed, threading.Event()).run()
    with database.read() as session:
        ready = get_model(session, sent.id)
    assert ready.status == READY, ready.error
    return ready
