"""Texts to train on."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from client.api.paths import dataset_path
from client.api.preparation import wait_until_prepared
from client.api.resource import UPLOAD_TIMEOUT, Resource, without_none
from client.api.uploads import upload_texts
from client.http import response_models
from client.http.response_models import Page
from client.records import AddedDataset, Dataset, TextPart, TokenPart

PLAIN = "text/plain"


class Datasets(Resource):
    """`pretrain.datasets`: texts to train on."""

    def add(
        self,
        *files: str | Path,
        name: str | None = None,
        text_field: str | None = None,
        on_begin: Callable[[int | None], object] | None = None,
        on_read: Callable[[int], object] | None = None,
    ) -> AddedDataset:
        """Store files and folders as one data set; its record, with `notices` for the sender. They are read
        while they are sent, so that they may be of any size.

        files       a `.txt` (or `.txt.gz`) in UTF-8 alone is one plain text; `.jsonl`, `.jsonl.gz` and
                    `.parquet` have a document a line or row; among several, or in a folder, a `.txt` is a
                    document
        name        its name; None: the file's or folder's, without its suffix
        text_field  what the documents' texts are called, if not `text`
        on_begin    called with the number of bytes that will be read, before anything is sent; None if that
                    is not known
        on_read     called with the number of bytes of each block that is read
        raises      UsageError for what can be no text; ClientError if the service refuses it
        """
        return upload_texts(
            self.send,
            [Path(file) for file in files],
            name,
            text_field,
            on_begin or (lambda _: None),
            on_read or (lambda _: None),
        )

    def add_text(self, name: str, text: str) -> AddedDataset:
        """Store a text; its data set. raises  ApiError 422 for one that is too short, say"""
        return self.send(name, [text.encode()], PLAIN)

    def send(
        self,
        name: str,
        blocks: Iterable[bytes],
        media_type: str = PLAIN,
        *,
        text_field: str | None = None,
        size_bytes: int | None = None,
    ) -> AddedDataset:
        """Store a text that is sent block by block as the blocks come; its data set.

        media_type  `text/plain`, or `application/x-ndjson` with a document a line
        size_bytes  of all blocks, if that is known
        """
        length = {} if size_bytes is None else {"Content-Length": str(size_bytes)}
        return self._transport.json(
            "POST",
            "/datasets",
            response_models.AddedDataset,
            params=without_none(name=name, text_field=text_field),
            headers={"Content-Type": media_type, **length},
            content=blocks,
            timeout=UPLOAD_TIMEOUT,
        )

    def get(self, dataset_id: str) -> Dataset:
        """A data set's record: characters, bytes, documents, tokens by tokenizer, how it begins."""
        return self._transport.json("GET", dataset_path(dataset_id), response_models.Dataset)

    def wait(self, dataset_id: str, *, timeout_s: float | None = None) -> Dataset:
        """Its record once a worker has prepared it, or could not (`status` is then `failed`).

        timeout_s  seconds after which TimedOut is raised
        """
        return wait_until_prepared(
            self.get(dataset_id),
            lambda: self.get(dataset_id),
            patience_s=self._transport.patience_s,
            timeout_s=timeout_s,
        )

    def text(self, dataset_id: str, *, offset: int = 0, limit: int | None = None) -> TextPart:
        """A part of its text; `offset` and `limit` in characters."""
        asked = without_none(offset=offset, limit=limit)
        path = dataset_path(dataset_id, "text")
        return self._transport.json("GET", path, response_models.ResponseModel, params=asked)

    def tokens(
        self, dataset_id: str, *, tokenizer: str = "gpt2", offset: int = 0, limit: int | None = None
    ) -> TokenPart:
        """A part of its text with its tokens; `offset` and `limit` in characters."""
        asked = without_none(tokenizer=tokenizer, offset=offset, limit=limit)
        path = dataset_path(dataset_id, "tokens")
        return self._transport.json("GET", path, response_models.ResponseModel, params=asked)

    def share(self, dataset_id: str) -> Dataset:
        """Let all see a data set; its owner and administrators alone change it."""
        return self._transport.json("POST", dataset_path(dataset_id, "share"), response_models.Dataset)

    def unshare(self, dataset_id: str) -> Dataset:
        """Let nobody but its owner and administrators see a data set any longer."""
        return self._transport.json("POST", dataset_path(dataset_id, "unshare"), response_models.Dataset)

    def delete(self, dataset_id: str) -> None:
        """Delete a data set. raises  ApiError 409 while a job needs it"""
        self._transport.request("DELETE", dataset_path(dataset_id))

    def list(self) -> Iterator[Dataset]:
        """All data sets, the built-in ones among them."""
        return self._pages("/datasets", Page[response_models.Dataset])
