"""The body of `POST /models`: a model's files, as the parts of a form."""

import os.path
from collections.abc import Iterator
from http import HTTPStatus

from flask import request

from api.http.multipart import FILE_FIELD, FilePart, read_file_parts
from api.http.problems import HTTPProblem
from api.http.uploads import FORM, FORM_BYTES, stream_blocks
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


def file_name(part: FilePart) -> str:
    """That of the file: parts are called `file`, or as the file that they hold is called."""
    return os.path.basename(part.filename) if part.name == FILE_FIELD else part.name
