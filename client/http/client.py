"""The service's HTTP interface as a Python object: a method for each endpoint."""

from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, Self
from urllib.parse import quote

import httpx2

from client.address import Address
from client.errors import UsageError
from client.http import response_models
from client.http.form import FileForm
from client.http.response_models import Page, ResponseModel, mismatch
from client.http.transport import CONNECT_TIMEOUT_S, Transport
from client.http.types import JSON
from client.plain_text import is_unicode
from jobs.validation.quoting import quoted

MAX_ID_CHARACTERS = 200
UPLOAD_TIMEOUT_S = 600
"""For the service to take a block, or to write the whole text to its disk."""
IMAGE_TYPES = {"png": "image/png", "svg": "image/svg+xml"}
DOWNLOAD_TYPES = {"safetensors": "application/octet-stream", "hf": "application/zip"}
DOWNLOAD_TIMEOUT = httpx2.Timeout(300, connect=CONNECT_TIMEOUT_S)
"""Until the next bytes come: before the first of `hf` the service reads all of the weights."""


class Client:
    """A connection to the service; close it, or use it in a `with` statement.

    What the API responds is returned as it is, as decoded JSON. Every method raises Unreachable if nothing
    responds, ApiError if the service refuses, ClientError if what responds is not the service, and UsageError
    for what can't be sent.
    """

    def __init__(self, address: Address) -> None:
        self._transport = Transport(address)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._transport.close()

    def submit(self, spec: JSON) -> JSON:
        """Post a job; its record."""
        return self._transport.json("POST", "/jobs", response_models.Job, json=spec)

    def fork(self, job_id: str, request: JSON) -> JSON:
        """Post a job that goes on from a checkpoint of this one; its record."""
        return self._transport.json("POST", job_path(job_id, "fork"), response_models.Job, json=request)

    def jobs(self, *, status: str | None = None, name: str | None = None, limit: int = 20) -> JSON:
        """The newest jobs, as a list object."""
        parameters = without_none(status=status, name=name, limit=limit)
        return self._transport.json("GET", "/jobs", Page[response_models.Job], params=parameters)

    def job(self, job_id: str) -> JSON:
        return self._transport.json("GET", job_path(job_id), response_models.Job)

    def cancel(self, job_id: str) -> JSON:
        return self._transport.json("POST", job_path(job_id, "cancel"), response_models.Job)

    def pause(self, job_id: str) -> JSON:
        return self._transport.json("POST", job_path(job_id, "pause"), response_models.Job)

    def resume(self, job_id: str) -> JSON:
        return self._transport.json("POST", job_path(job_id, "resume"), response_models.Job)

    def delete(self, job_id: str) -> None:
        self._transport.request("DELETE", job_path(job_id))

    def delete_checkpoint(self, job_id: str, step: int) -> None:
        self._transport.request("DELETE", job_path(job_id, "checkpoints", str(step)))

    def events(self, job_id: str) -> list[JSON]:
        """All that happened to the job, in order."""
        return list(self._pages(job_path(job_id, "events"), Page[response_models.Event], "after", "id"))

    def logs(self, job_id: str) -> list[str]:
        """The last log lines of the trainer that failed most recently; empty if none has."""
        lines = [event["data"].get("lines") for event in self.events(job_id) if event["type"] == "log"]
        return [str(line) for line in lines[-1] or []] if lines else []

    def losses(self, job_id: str, *, since_step: int = -1) -> list[JSON]:
        """All evaluations after `since_step`, in the order of their steps."""
        return list(self._pages_by_step(job_path(job_id, "losses"), Page[response_models.Loss], since_step))

    def losses_csv(self, job_id: str) -> str:
        response = self._transport.file(job_path(job_id, "losses"), "text/csv", params={"format": "csv"})
        return response.text

    def loss_plot(self, job_id: str, image_format: str) -> bytes:
        """The loss plot as an image file; `image_format` is png or svg."""
        path = job_path(job_id, f"losses.{image_format}")
        return self._transport.file(path, IMAGE_TYPES[image_format]).content

    def samples(self, job_id: str, *, since_step: int = -1) -> list[JSON]:
        """All samples after `since_step`, in the order of their steps."""
        return list(
            self._pages_by_step(job_path(job_id, "samples"), Page[response_models.Sample], since_step)
        )

    def checkpoints(self, job_id: str) -> list[JSON]:
        return self._list(job_path(job_id, "checkpoints"), Page[response_models.Checkpoint])

    def download_checkpoint(self, job_id: str, checkpoint: str, file_format: str, file: BinaryIO) -> str:
        """Write a checkpoint to `file`; the response's ETag.

        checkpoint   `last`, `best` or a step
        file_format  `safetensors`, whose ETag is its sha256 in quotes; or `hf`, a zip, which has none
        """
        path = job_path(job_id, "checkpoints", quote(checkpoint, safe=""), "download")
        return self._transport.download(
            path, DOWNLOAD_TYPES[file_format], file, params={"format": file_format}, timeout=DOWNLOAD_TIMEOUT
        ).get("ETag", "")

    def download_ejected(self, job_id: str, file: BinaryIO) -> None:
        """Write a job as one plain PyTorch file, with all that it needs, as a zip to `file`."""
        self._transport.download(
            job_path(job_id, "eject"), DOWNLOAD_TYPES["hf"], file, timeout=DOWNLOAD_TIMEOUT
        )

    def generate(self, request: JSON) -> JSON:
        """Complete a prompt. The service keeps a time limit of its own, which may be longer than ours."""
        timeout = httpx2.Timeout(None, connect=CONNECT_TIMEOUT_S)
        return self._transport.json(
            "POST", "/generate", response_models.Generation, json=request, timeout=timeout
        )

    def generate_stream(self, request: JSON) -> Iterator[tuple[str, JSON]]:
        """The same as it is made: `piece` events with text, then `generation` with the whole record."""
        timeout = httpx2.Timeout(None, connect=CONNECT_TIMEOUT_S)
        models: dict[str, type[ResponseModel]] = {
            "piece": response_models.Piece,
            "generation": response_models.Generation,
        }
        body = {**request, "stream": True}
        for name, data in self._transport.events("POST", "/generate", json=body, timeout=timeout):
            if name not in models:
                continue  # of a later version
            if problem := mismatch(data, models[name]):
                raise self._transport.unexpected_response(f"what is no {models[name].title}: {problem}")
            yield name, data
            if name == "generation":
                return
        raise self._transport.unexpected_response("a stream that ends in the middle")

    def score(self, request: JSON) -> JSON:
        """How well a model predicts a text. The service keeps a time limit of its own, as for `generate`."""
        timeout = httpx2.Timeout(None, connect=CONNECT_TIMEOUT_S)
        return self._transport.json("POST", "/score", response_models.Score, json=request, timeout=timeout)

    def add_dataset(
        self,
        name: str,
        blocks: Iterable[bytes],
        media_type: str,
        *,
        text_field: str | None = None,
        size_bytes: int | None = None,
    ) -> JSON:
        """Store a text, sent block by block as they come; its data set, with `notices`.

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
            timeout=httpx2.Timeout(UPLOAD_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
        )

    def dataset(self, dataset_id: str) -> JSON:
        return self._transport.json("GET", dataset_path(dataset_id), response_models.Dataset)

    def delete_dataset(self, dataset_id: str) -> None:
        self._transport.request("DELETE", dataset_path(dataset_id))

    def datasets(self) -> list[JSON]:
        return self._list("/datasets", Page[response_models.Dataset])

    def train_tokenizer(self, name: str, dataset: str, vocab_size: int) -> JSON:
        """Have a tokenizer trained; its record."""
        body = {"name": name, "dataset": dataset, "vocab_size": vocab_size}
        return self._transport.json("POST", "/tokenizers", response_models.Tokenizer, json=body)

    def tokenizer(self, tokenizer_id: str) -> JSON:
        return self._transport.json("GET", tokenizer_path(tokenizer_id), response_models.Tokenizer)

    def tokenizers(self) -> list[JSON]:
        return self._list("/tokenizers", Page[response_models.Tokenizer])

    def download_tokenizer(self, tokenizer_id: str) -> bytes:
        """Its `tokenizer.json`, some megabytes at most."""
        path = f"{tokenizer_path(tokenizer_id)}/download"
        return self._transport.file(path, "application/json", timeout=DOWNLOAD_TIMEOUT).content

    def delete_tokenizer(self, tokenizer_id: str) -> None:
        self._transport.request("DELETE", tokenizer_path(tokenizer_id))

    def add_model(self, name: str | None, form: FileForm) -> JSON:
        """Send a model's files as they are read; its record."""
        return self._transport.json(
            "POST",
            "/models",
            response_models.ImportedModel,
            params=without_none(name=name),
            headers={"Content-Type": form.content_type, "Content-Length": str(form.size_bytes)},
            content=form.blocks(),
            timeout=httpx2.Timeout(UPLOAD_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
        )

    def model(self, model_id: str) -> JSON:
        return self._transport.json("GET", model_path(model_id), response_models.ImportedModel)

    def models(self) -> list[JSON]:
        return self._list("/models", Page[response_models.ImportedModel])

    def delete_model(self, model_id: str) -> None:
        self._transport.request("DELETE", model_path(model_id))

    def check_ready(self) -> None:
        """Return if the service can take jobs and works on them; ApiError says what is missing."""
        self._transport.request("GET", "/readyz", timeout=CONNECT_TIMEOUT_S)

    def _pages_by_step(self, path: str, model: type[ResponseModel], since_step: int) -> Iterator[JSON]:
        """The entries of a list that is paged by step."""
        return self._pages(path, model, "since_step", "step", since_step)

    def _pages(
        self, path: str, model: type[ResponseModel], parameter: str, cursor: str, start: Any = None
    ) -> Iterator[JSON]:
        """The entries of all pages.

        parameter  of the query: which entry a page begins after
        cursor     the field by which it names that entry
        """
        after = start
        while True:
            page = self._transport.json("GET", path, model, params=without_none(**{parameter: after}))
            yield from page["data"]
            if not page["has_more"]:
                return
            if not page["data"] or page["data"][-1][cursor] == after:
                raise self._transport.unexpected_response(f"a page of {path} that leads nowhere")
            after = page["data"][-1][cursor]

    def _list(self, path: str, model: type[ResponseModel]) -> list[JSON]:
        entries: list[JSON] = self._transport.json("GET", path, model)["data"]
        return entries


def job_path(job_id: str, *rest: str) -> str:
    """The path of a job; UsageError for what is no id: it would lead elsewhere, or be too long for a URL."""
    return "/".join(["/jobs", quoted_id(job_id, "job"), *rest])


def dataset_path(dataset_id: str) -> str:
    """The path of a data set; UsageError as `job_path`."""
    return f"/datasets/{quoted_id(dataset_id, 'data set')}"


def tokenizer_path(tokenizer_id: str) -> str:
    """The path of a tokenizer; UsageError as `job_path`."""
    return f"/tokenizers/{quoted_id(tokenizer_id, 'tokenizer')}"


def model_path(model_id: str) -> str:
    """The path of a model from outside; UsageError as `job_path`."""
    return f"/models/{quoted_id(model_id, 'model')}"


def quoted_id(given: str, kind: str) -> str:
    if given in ("", ".", "..") or len(given) > MAX_ID_CHARACTERS or not is_unicode(given):
        raise UsageError(f"{quoted(given)} is no id of a {kind}")
    return quote(given, safe="")


def without_none(**parameters: Any) -> JSON:
    """The parameters that are not None."""
    return {name: value for name, value in parameters.items() if value is not None}
