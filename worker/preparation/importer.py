"""Imports one model: checks the files that were sent, makes a checkpoint of them, and records the end."""

import logging
import shutil
import threading
import time
from pathlib import Path

from sqlalchemy.exc import OperationalError

from jobs.files.layout import model_directory
from jobs.files.model_files import CONFIG, INDEX, TOKENIZER, is_weights
from jobs.lifecycle.model_imports import ImportedCheckpoint, finish_import
from jobs.lifecycle.preparation import (
    Superseded,
    fail_preparation,
    postpone_preparation,
    release_preparation,
    renew_preparation,
)
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.tables import ImportedModel
from worker.preparation.preparer import ShutDown
from worker.retry import retry_while_unavailable

log = logging.getLogger(__name__)


class ModelImporter:
    """Of one claim. `shutting_down` is set when the worker is asked to end."""

    def __init__(
        self, database: Database, settings: Settings, claimed: ImportedModel, shutting_down: threading.Event
    ) -> None:
        self._database = database
        self._settings = settings
        self._claimed = claimed
        self._shutting_down = shutting_down
        # A folder of this attempt alone, so that a stale one overwrites nothing.
        self._directory = model_directory(settings.artifacts, claimed.id) / f"attempt-{claimed.attempt}"
        self._renewed_s = time.monotonic()

    def run(self) -> None:
        """Return when the import has ended and that has been recorded, or when another owns it, or the model
        has been deleted."""
        try:
            self._import_and_record()
        except Superseded as error:
            log.warning("%s", error)
            shutil.rmtree(self._directory, ignore_errors=True)

    def _import_and_record(self) -> None:
        """raises Superseded"""
        from model.imports.bad_model import BadModel

        claimed, write = self._claimed, self._database.write
        try:
            checkpoint = self._import()
        except ShutDown:
            retry_while_unavailable(write, lambda session: release_preparation(session, claimed))
            return
        except BadModel as error:
            message = str(error)
            log.warning("the model %s can't be imported: %s", claimed.id, message)
            retry_while_unavailable(write, lambda session: fail_preparation(session, claimed, message))
        except OSError as error:  # a full disk, say
            reason, wait_s = error.strerror or str(error), self._settings.disk_retry_s
            log.warning("the model %s is imported later: %s", claimed.id, reason)
            retry_while_unavailable(
                write, lambda session: postpone_preparation(session, claimed, reason, wait_s)
            )
            return
        else:
            retry_while_unavailable(write, lambda session: finish_import(session, claimed, checkpoint))
        shutil.rmtree(self._upload, ignore_errors=True)  # else the keeper does it later

    def _import(self) -> ImportedCheckpoint:
        # It brings PyTorch along, which a worker that only tokenises does without.
        from model.estimate import parameter_count
        from model.imports.bad_model import BadModel
        from model.imports.conversion import ModelFiles, import_gpt2
        from model.manifest import WEIGHTS

        upload = self._upload
        if not upload.is_dir():
            raise BadModel("the files that were sent are gone; send them again")
        index, tokenizer = upload / INDEX, upload / TOKENIZER
        files = ModelFiles(
            config=upload / CONFIG,
            weights=sorted(file for file in upload.iterdir() if is_weights(file.name)),
            index=index if index.exists() else None,
            tokenizer=tokenizer if tokenizer.exists() else None,
        )
        began_s = time.monotonic()
        manifest = import_gpt2(files, self._directory, self._get_on)
        log.info("the model %s is imported after %.0f s", self._claimed.id, time.monotonic() - began_s)
        return ImportedCheckpoint(
            directory=str(self._directory.relative_to(self._settings.artifacts)),
            bytes=sum(file.stat().st_size for file in self._directory.iterdir()),
            sha256=manifest.files[WEIGHTS]["sha256"],
            tokenizer=manifest.run.tokenizer,
            config=manifest.run.model.model_dump(mode="json"),
            parameters=parameter_count(manifest.run.gpt),
        )

    @property
    def _upload(self) -> Path:
        assert self._claimed.upload_directory is not None
        return self._settings.artifacts / self._claimed.upload_directory

    def _get_on(self, fraction: float) -> None:
        """One more strip is done. raises ShutDown, Superseded"""
        if self._shutting_down.is_set():
            raise ShutDown
        if time.monotonic() - self._renewed_s < self._settings.renew_s:
            return
        try:
            with self._database.write() as session:
                renew_preparation(session, self._claimed, fraction, self._settings.lease_s)
        except OperationalError as error:
            log.warning("the lease of an import could not be renewed: %s", error.orig)
            return
        self._renewed_s = time.monotonic()
