"""Errors as problem documents, `application/problem+json` (RFC 9457)."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from flask_openapi.types import ResponseDict
from pydantic import BaseModel, ConfigDict

from jobs.validation.field_errors import FieldError
from jobs.validation.quoting import cut, excerpt
from jobs.validation.strict_json import to_json

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
MAX_ERRORS = 100
"""In a response. A body can be wrong in a thousand places."""


class WrongField(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)

    field: str
    """Dotted path of the field; empty for the body as a whole."""

    message: str
    """What would be right."""

    value: Any = None
    """What was given; of a long value the first 200 characters. Not there where nothing was given."""


class Problem(BaseModel):
    """An error (RFC 9457)."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    type: str
    """Always `about:blank`: the status says what kind of problem it is."""

    title: str
    """The HTTP status in words."""

    status: int
    """The HTTP status."""

    detail: str
    """What happened this time, and what would be right."""

    instance: str
    """The path that was asked for."""

    errors: list[WrongField] | None = None
    """Every wrong field; with status 422 only."""


class HTTPProblem(Exception):
    """An error whose response is a problem document with this status and detail.

    retry_after_s  seconds after which the same request may succeed
    members        further members of the document
    """

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        retry_after_s: int | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors
        self.members = members
        self.headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}


def bad_request(detail: str) -> HTTPProblem:
    """A 400."""
    return HTTPProblem(HTTPStatus.BAD_REQUEST, detail)


def invalid_fields(errors: Sequence[FieldError]) -> HTTPProblem:
    """A 422 that names every wrong field."""
    detail = "1 field is wrong" if len(errors) == 1 else f"{len(errors)} fields are wrong"
    if len(errors) > MAX_ERRORS:
        detail += f"; the first {MAX_ERRORS} are listed"
    return HTTPProblem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=errors[:MAX_ERRORS])


def internal_error() -> HTTPProblem:
    """A 500: the reason is for those who can read the log."""
    detail = "something went wrong in the service; its log has the reason under this X-Request-ID"
    return HTTPProblem(HTTPStatus.INTERNAL_SERVER_ERROR, detail)


def unavailable(detail: str, **members: Any) -> HTTPProblem:
    """A 503: the same request may succeed soon."""
    return HTTPProblem(HTTPStatus.SERVICE_UNAVAILABLE, detail, retry_after_s=RETRY_AFTER_S, **members)


def disk_full(
    detail: str = "the disk of the service is full; the same request may succeed later",
) -> HTTPProblem:
    """A 507."""
    return HTTPProblem(HTTPStatus.INSUFFICIENT_STORAGE, detail)


def problem_responses(*statuses: int) -> ResponseDict:
    """The entries of `/openapi.json` for errors with these statuses."""
    content = {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def problem_json(problem: HTTPProblem, path: str) -> bytes:
    """The problem document, of an error of the application or of the server itself.

    path  of the request, percent-decoded
    """
    return to_json(problem_document(problem, path)).encode()


def problem_document(problem: HTTPProblem, path: str) -> dict[str, Any]:
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": problem.status.phrase,
        "status": problem.status,
        "detail": problem.detail,
        "instance": cut(quote(path)),
        **problem.members,
    }
    if problem.errors:
        document["errors"] = list(map(wrong_field, problem.errors))
    return document


def wrong_field(error: FieldError) -> dict[str, Any]:
    """As it stands in `errors`."""
    given = {"value": excerpt(error.value)} if error.has_value else {}
    return {"field": cut(error.field), "message": error.message, **given}
