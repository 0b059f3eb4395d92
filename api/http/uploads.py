"""The body of an upload: a text as a stream, raw or as a file of a form, or in JSON."""

import io
import os.path
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from typing import cast

from flask import request
from pydantic import Field, TypeAdapter, ValidationError

from api.http.arguments import model_parser
from api.http.bodies import read_json
from api.http.idempotency import has_key
from api.http.multipart import FILE_FIELD, read_file_part
from api.http.problems import HTTPProblem, invalid_fields
from jobs.files.arriving_text import Reader
from jobs.files.documents import TEXT_FIELD, documents_reader
from jobs.files.plain_text import read_plain_text
from jobs.spec.job_spec import Label
from jobs.validation.field_errors import FieldError, field_errors
from jobs.validation.quoting import quoted
from jobs.validation.request_model import RequestModel
from model.config import Text

JSON, FORM, PLAIN, NDJSON = (
    "application/json",
    "multipart/form-data",
    "text/plain",
    "application/x-ndjson",
)
MAX_JSON_TEXT_BYTES = 1024 * 1024
"""Of a text in JSON, which is held in memory. Longer ones come as streams."""
JSON_BYTES_PER_TEXT_BYTE = 6
"""At most: a control character is one byte of text, and `\\u0001` in JSON."""
FORM_BYTES = 64 * 1024
"""Of boundaries and heads around a file."""
BLOCK_BYTES = 256 * 1024
NDJSON_SUFFIXES = (".jsonl", ".ndjson")


class HashedBlocks:
    """Blocks that are read once, and the sha256 of them all, where the request has a key that it is for."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = iter(blocks)
        self._is_needed = has_key()
        self._sha256 = sha256()

    def __iter__(self) -> Iterator[bytes]:
        for block in self._blocks:
            if self._is_needed:
                self._sha256.update(block)
            yield block

    def read_to_end(self) -> str:
        """The sha256 in hexadecimal."""
        for _ in self:
            pass
        return self._sha256.hexdigest()


class NewDataset(RequestModel):
    """A text to train on."""

    name: Label
    """A name of your choice."""

    text: Text = Field(min_length=1)
    """The text itself."""


class UploadQuery(RequestModel):
    name: Label | None = None
    """The data set's name, where the body is a stream. Default: the filename of a form's file."""

    text_field: Label | None = None
    """The member that has the text of each document, in `application/x-ndjson`. Default: `text`."""


@dataclass(frozen=True)
class Upload:
    name: str
    format: str
    """PLAIN or NDJSON."""
    blocks: HashedBlocks
    """Of the text, as they arrive. Raises HTTPProblem if the rest does not."""
    read: Reader
    field: str
    """In which the text is sent, for errors about it; empty for the body as a whole."""
    stored_bytes: int | None
    """How long the text is; None if that is not known beforehand."""
    body_bytes: int | None
    """How long the body is, if it says so."""

    def content(self) -> dict[str, str]:
        """What tells it from other uploads. Reads what has not been read of it."""
        return {"name": self.name, "format": self.format, "sha256": self.blocks.read_to_end()}


def max_body_bytes(max_dataset_bytes: int) -> int:
    """Of the request, by its Content-Type."""
    if request.mimetype == JSON:
        return JSON_BYTES_PER_TEXT_BYTE * max_json_text_bytes(max_dataset_bytes) + 4096
    return max_dataset_bytes + (FORM_BYTES if request.mimetype == FORM else 0)


def max_json_text_bytes(max_dataset_bytes: int) -> int:
    return min(MAX_JSON_TEXT_BYTES, max_dataset_bytes)


def too_large(max_dataset_bytes: int, text_bytes: int | None = None) -> HTTPProblem:
    """A 413. text_bytes  of the text, where it has been read"""
    limit = f"the limit of {max_dataset_bytes:,} (PRETRAIN_MAX_DATASET_BYTES)"
    if request.mimetype == JSON and max_json_text_bytes(max_dataset_bytes) < max_dataset_bytes:
        limit = f"the {MAX_JSON_TEXT_BYTES:,} that JSON may hold; send it as {PLAIN} or {NDJSON}"
    size = "more bytes" if text_bytes is None else f"{text_bytes:,} bytes, more"
    return HTTPProblem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the text has {size} than {limit}")


def read_upload(query: UploadQuery, max_dataset_bytes: int) -> Upload:
    """The request's body, of which no more than its beginning has been read.

    raises  HTTPProblem: as `read_json` and `read_file_part`; 413 for too long a text; 415 for a
            Content-Type that is none of four; 422 for a name that is missing, or a parameter that the
            Content-Type has no use for. RequestEntityTooLarge (413) as `request.stream`
    """
    if (request.content_length or 0) > max_body_bytes(max_dataset_bytes):
        raise too_large(max_dataset_bytes)
    if request.mimetype == JSON:
        return read_json_upload(query, max_dataset_bytes)
    check_content_type()
    blocks = stream_blocks()
    if request.mimetype != FORM:
        reader = reader_for(request.mimetype, query.text_field)
        stored_bytes = request.content_length if request.mimetype == PLAIN else None
        name, hashed = check_name(query.name), HashedBlocks(blocks)
        return Upload(name, request.mimetype, hashed, reader, "", stored_bytes, request.content_length)
    if query.name is not None:
        check_name(query.name)
    part = read_file_part(blocks, request.mimetype_params.get("boundary"))
    text_format = format_of(part.filename, part.content_type)
    reader = reader_for(text_format, query.text_field)
    name = check_name(query.name or os.path.basename(part.filename))
    hashed = HashedBlocks(part.blocks)
    return Upload(name, text_format, hashed, reader, FILE_FIELD, None, request.content_length)


def read_json_upload(query: UploadQuery, max_dataset_bytes: int) -> Upload:
    body = cast(NewDataset, model_parser(NewDataset)(read_json()))
    given = query.model_dump(exclude_none=True)
    if given:
        message = f"is for streams; in {JSON} the body has everything"
        raise invalid_fields([FieldError(name, message, value) for name, value in given.items()])
    content = body.text.encode()
    if len(content) > max_json_text_bytes(max_dataset_bytes):
        raise too_large(max_dataset_bytes, len(content))
    hashed = HashedBlocks([content])
    return Upload(body.name, PLAIN, hashed, read_plain_text, "text", len(content), len(content))


def check_content_type() -> None:
    """raises  HTTPProblem (415)"""
    if request.mimetype not in (FORM, PLAIN, NDJSON):
        kinds = f"{PLAIN}, {NDJSON}, {FORM} or {JSON}"
        instead = f"not {quoted(request.mimetype)}" if request.mimetype else "and the header is missing"
        raise HTTPProblem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Content-Type must be {kinds}, {instead}")
    charset = request.mimetype_params.get("charset", "utf-8")
    if charset.lower() not in ("utf-8", "utf8", "us-ascii"):
        detail = f"the text must be in UTF-8, not {quoted(charset)}"
        raise HTTPProblem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail)
    if request.content_encoding not in (None, "identity"):
        detail = "the body must not be compressed; `pretrain datasets add` unpacks .gz files while it sends"
        raise HTTPProblem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail)


def check_name(name: str | None) -> str:
    """raises  HTTPProblem (422)"""
    if not name:
        raise invalid_fields([FieldError("name", "must be given, as ?name=")])
    try:
        return TypeAdapter(Label).validate_python(name)
    except ValidationError as invalid:
        message = f"{field_errors(invalid)[0].message}; give another one as ?name="
        raise invalid_fields([FieldError("name", message, name)]) from invalid


def format_of(filename: str, content_type: str) -> str:
    """PLAIN or NDJSON: browsers and curl do not know the second one."""
    is_ndjson = content_type.partition(";")[0].strip().lower() == NDJSON
    return NDJSON if is_ndjson or filename.lower().endswith(NDJSON_SUFFIXES) else PLAIN


def reader_for(mimetype: str, text_field: str | None) -> Reader:
    """raises  HTTPProblem (422) for a text_field of plain text"""
    if mimetype == NDJSON:
        return documents_reader(text_field or TEXT_FIELD)
    if text_field is not None:
        message = f"is for {NDJSON}; a plain text has no fields"
        raise invalid_fields([FieldError("text_field", message, text_field)])
    return read_plain_text


def stream_blocks() -> Iterator[bytes]:
    """The body, in blocks that are full but for the last one."""
    body = io.BufferedReader(cast(io.RawIOBase, request.stream), BLOCK_BYTES)
    while block := body.read(BLOCK_BYTES):
        yield block
