"""Prepares a model from outside: checks the files that were sent, and makes a checkpoint of them."""

import shutil
from functools import cached_property
from pathlib import Path

from sqlalchemy.orm import Session

from jobs.files.layout import model_directory
from jobs.files.model_files import CONFIG, INDEX, TOKENIZER, is_weights
from jobs.lifecycle.model_imports import ImportedCheckpoint, finish_import
from jobs.store.tables import ImportedModel
from worker.preparation.preparer import Preparer, Unpreparable


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
        from model.imports.bad_model import BadModel

        try:
            checkpoint = self._import()
        except BadModel as error:
            raise Unpreparable(str(error)) from error
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
        manifest = import_gpt2(files, self._directory, self.get_on)
        return ImportedCheckpoint(
            directory=self._listed_as,
            bytes=sum(file.stat().st_size for file in self._directory.iterdir()),
            sha256=manifest.files[WEIGHTS]["sha256"],
            tokenizer=manifest.run.tokenizer,
            config=manifest.run.model.model_dump(mode="json"),
            parameters=parameter_count(manifest.run.gpt),
        )
