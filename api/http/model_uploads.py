"""The body of `POST /models`: a model's files, as the parts of a form."""

import os.path
from collections.abc import Iterable, Iterator
from http import HTTPStatus

from flask import request

from api.http.multipart import FILE_FIELD, FilePart, read_file_parts
from api.http.problems import HTTPProblem
from api.http.uploads import FORM, FORM_BYTES, HashedBlocks, stream_blocks
from jobs.spec.job_spec import Label
from jobs.validation.quoting import quoted
from jobs.validation.request_model import RequestModel


class ModelQuery(RequestModel):
    name: Label | None = None
    """The model's name. Default: none."""


def max_model_body_bytes(max_model_bytes: int) -> int:
    return max_model_bytes + FORM_BYTES


def model_too_large(max_model_bytes: int) -> HTTPProblem:
    """A 413."""
    limit = f"the limit of {max_model_bytes:,} (PRETRAIN_MAX_MODEL_BYTES)"
    return HTTPProblem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the model has more bytes than {limit}")


def read_model_parts(max_model_bytes: int) -> Iterator[FilePart]:
    """The files as they arrive; each must be read before the next one is asked for.

    raises  HTTPProblem: 413 for too long a body, 415 for a Content-Type that is no form, else as
            `read_file_parts`. RequestEntityTooLarge (413) as `request.stream`
    """
    if (request.content_length or 0) > max_model_body_bytes(max_model_bytes):
        raise model_too_large(max_model_bytes)
    if request.mimetype != FORM:
        instead = f"not {quoted(request.mimetype)}" if request.mimetype else "and the header is missing"
        raise HTTPProblem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"Content-Type must be {FORM}, {instead}: curl -F file=@model.safetensors -F file=@config.json",
        )
    if request.content_encoding not in (None, "identity"):
        raise HTTPProblem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body must not be compressed")
    return read_file_parts(stream_blocks(), request.mimetype_params.get("boundary"))


class HashedParts:
    """Parts that are read once, and the sha256 of each file."""

    def __init__(self, parts: Iterator[FilePart]) -> None:
        self._parts = parts
        self._hashes: list[tuple[str, HashedBlocks]] = []

    def __iter__(self) -> Iterator[tuple[str, Iterable[bytes]]]:
        """The files' names and their blocks."""
        for part in self._parts:
            blocks = HashedBlocks(part.blocks)
            self._hashes.append((file_name(part), blocks))
            yield file_name(part), blocks

    def content(self) -> list[tuple[str, str]]:
        """What tells the files from others, in whatever order they are sent. Reads what has not been read."""
        for _, blocks in self:
            for _ in blocks:
                pass
        return sorted((name, blocks.read_to_end()) for name, blocks in self._hashes)


def file_name(part: FilePart) -> str:
    """That of the file: parts are called `file`, or as the file that they hold is called."""
    return os.path.basename(part.filename) if part.name == FILE_FIELD else part.name
