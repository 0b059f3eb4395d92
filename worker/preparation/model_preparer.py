"""Prepares a model from outside: has the files that were sent made a checkpoint, and records it."""

import json
import shutil
from functools import cached_property
from pathlib import Path

from sqlalchemy.orm import Session

from jobs.files.layout import model_directory
from jobs.lifecycle.model_imports import ImportedCheckpoint, finish_import
from jobs.store.tables import ImportedModel
from model.storage.atomic import unfinished_directory
from worker.preparation.preparer import Preparer, Unpreparable
from worker.preparation.work_process import Work, run_process

IMPORT_TOTAL = 1000
"""Thousandths, which its process counts."""


class ModelPreparer(Preparer[ImportedModel]):
    @cached_property
    def _directory(self) -> Path:
        """Of this attempt alone, so that a stale one overwrites nothing."""
        attempt = f"attempt-{self.claimed.attempt}"
        return model_directory(self.settings.artifacts, self.claimed.id) / attempt

    @property
    def _upload(self) -> Path:
        assert self.claimed.upload_directory is not None
        return self.settings.artifacts / self.claimed.upload_directory

    def prepare(self) -> None:
        checkpoint = self._import()
        self.write(lambda session: finish_import(session, self.claimed, checkpoint))

    def leave(self) -> None:
        # It also looks as if another owned it where the confirmation of this attempt's own commit was lost.
        if not self.read(self._is_listed):
            shutil.rmtree(self._directory, ignore_errors=True)

    def _is_listed(self, session: Session) -> bool:
        model = session.get(ImportedModel, self.claimed.id)
        return model is not None and model.directory == self._listed_as

    @property
    def _listed_as(self) -> str:
        return str(self._directory.relative_to(self.settings.artifacts))

    def end(self) -> None:
        shutil.rmtree(self._upload, ignore_errors=True)  # else the keeper does it later

    def _import(self) -> ImportedCheckpoint:
        work = Work(
            module="worker.preparation.import_process",
            arguments=[self._upload, self._directory],
            total=IMPORT_TOTAL,
            deed="imported it",
        )
        try:
            outcome = json.loads(run_process(self.settings, work, self.get_on))
        finally:
            # A process that is killed leaves it.
            shutil.rmtree(unfinished_directory(self._directory), ignore_errors=True)
        if "bad_model" in outcome:
            raise Unpreparable(outcome["bad_model"])
        if "os_error" in outcome:
            raise OSError(*outcome["os_error"])
        return ImportedCheckpoint(directory=self._listed_as, **outcome["imported"])
