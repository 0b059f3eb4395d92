"""Weights from outside."""

from collections.abc import Callable, Iterator
from pathlib import Path

from client.api.paths import model_path
from client.api.preparation import wait_until_prepared
from client.api.resource import UPLOAD_TIMEOUT, Resource, without_none
from client.files.model_folder import file_blocks, find_model_files
from client.http import response_models
from client.http.form import FileForm
from client.http.response_models import Page
from client.records import ImportedModel


class Models(Resource):
    """`pretrain.models`: weights from outside, in GPT-2's published layout."""

    def add(
        self,
        *files: str | Path,
        name: str | None = None,
        on_begin: Callable[[int], object] | None = None,
        on_read: Callable[[int], object] | None = None,
    ) -> ImportedModel:
        """Send a model's files; its record. A worker checks and converts them: `wait` waits for it.

        files     a folder with `model.safetensors` (or shards with their index), `config.json` and, if there
                  is one, `tokenizer.json`; or these files
        name      its name; None: the folder's
        on_begin  called with the number of bytes that will be read, before anything is sent
        on_read   called with the number of bytes of each block that is read
        raises    UsageError for what can be no model, before anything is sent
        """
        given = [Path(file) for file in files]
        if name is None and len(given) == 1 and given[0].is_dir():
            name = given[0].resolve().name
        form = FileForm(find_model_files(given), file_blocks, on_read or (lambda _: None))
        if on_begin is not None:
            on_begin(form.content_bytes)
        return self._transport.json(
            "POST",
            "/models",
            response_models.ImportedModel,
            params=without_none(name=name),
            headers={"Content-Type": form.content_type, "Content-Length": str(form.size_bytes)},
            content=form.blocks(),
            timeout=UPLOAD_TIMEOUT,
        )

    def get(self, model_id: str) -> ImportedModel:
        """A model's record: its architecture, and what keeps it from being ready."""
        return self._transport.json("GET", model_path(model_id), response_models.ImportedModel)

    def wait(self, model_id: str, *, timeout_s: float | None = None) -> ImportedModel:
        """Its record once it is ready, or could not be imported (`status` is then `failed`).

        timeout_s  seconds after which TimedOut is raised
        """
        return wait_until_prepared(
            self.get(model_id),
            lambda: self.get(model_id),
            patience_s=self._transport.patience_s,
            timeout_s=timeout_s,
        )

    def share(self, model_id: str) -> ImportedModel:
        """Let all see a model; its owner and administrators alone change it."""
        return self._transport.json("POST", model_path(model_id, "share"), response_models.ImportedModel)

    def unshare(self, model_id: str) -> ImportedModel:
        """Let nobody but its owner and administrators see a model any longer."""
        return self._transport.json("POST", model_path(model_id, "unshare"), response_models.ImportedModel)

    def delete(self, model_id: str) -> None:
        """Delete a model. raises  ApiError 409 while a job needs it"""
        self._transport.request("DELETE", model_path(model_id))

    def list(self) -> Iterator[ImportedModel]:
        """All models from outside."""
        return self._pages("/models", Page[response_models.ImportedModel])
