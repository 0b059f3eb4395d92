"""Every error as `application/problem+json` (RFC 9457)."""

import logging
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import sqlalchemy.exc
from flask import Flask, Response, request
from flask_openapi.types import ResponseDict
from pydantic import BaseModel, ConfigDict
from werkzeug import exceptions

from jobs.files.disk import is_disk_full
from jobs.spec.field_errors import FieldError, SpecError
from jobs.spec.quoting import cut, excerpt, quoted
from jobs.spec.strict_json import to_json
from jobs.states import WrongState
from jobs.store.lookup import BadCursor, NotFound

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
MAX_ERRORS = 100
"""A body can be wrong in a thousand places; an answer need not name more."""

STATUSES: dict[type[Exception], HTTPStatus] = {
    BadCursor: HTTPStatus.BAD_REQUEST,
    NotFound: HTTPStatus.NOT_FOUND,
    WrongState: HTTPStatus.CONFLICT,
}
"""What the record raises; its message is the detail."""


class WrongField(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)

    field: str
    """Dotted path of the field; empty for the body as a whole."""

    message: str
    """What would be right."""

    value: Any
    """What was given; of a long value the first 200 characters."""


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


class Refusal(Exception):
    """An error that is answered as it stands.

    retry_after_s  seconds after which the same request may succeed
    members        further members of the problem
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


def wrong_fields(errors: Sequence[FieldError]) -> Refusal:
    """A 422 that names every wrong field."""
    detail = "1 field is wrong" if len(errors) == 1 else f"{len(errors)} fields are wrong"
    if len(errors) > MAX_ERRORS:
        detail += f"; the first {MAX_ERRORS} are listed"
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=errors[:MAX_ERRORS])


def unavailable(detail: str, **members: Any) -> Refusal:
    """A 503: the same request may succeed soon."""
    return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, detail, retry_after_s=RETRY_AFTER_S, **members)


def internal_error() -> Refusal:
    """A 500: the reason is for those who can read the log."""
    detail = "something went wrong in the service; its log has the reason under this X-Request-ID"
    return Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, detail)


def problem_responses(*statuses: int) -> ResponseDict:
    """The entries of `/openapi.json` for errors with these statuses."""
    content = {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def register_problem_handlers(app: Flask) -> None:
    app.register_error_handler(Refusal, as_response)
    app.register_error_handler(SpecError, lambda error: as_response(wrong_fields(error.errors)))
    for kind, status in STATUSES.items():
        app.register_error_handler(kind, partial(domain_error, status))
    app.register_error_handler(sqlalchemy.exc.OperationalError, database_away)
    app.register_error_handler(sqlalchemy.exc.TimeoutError, database_away)
    app.register_error_handler(OSError, system_error)
    app.register_error_handler(exceptions.HTTPException, http_error)
    app.register_error_handler(Exception, unexpected)


def as_response(refusal: Refusal) -> Response:
    body = problem_json(refusal, request.path)
    return Response(body, refusal.status, refusal.headers, content_type=MEDIA_TYPE)


def problem_json(refusal: Refusal, path: str) -> bytes:
    """The body of an error's answer, the application's or the server's own.

    path  what was asked for, percent-encoding undone
    """
    problem = {
        "type": "about:blank",
        "title": refusal.status.phrase,
        "status": refusal.status,
        "detail": refusal.detail,
        "instance": cut(quote(path)),
        **refusal.members,
    }
    if refusal.errors:
        problem["errors"] = [
            {"field": cut(error.field), "message": error.message, "value": excerpt(error.value)}
            for error in refusal.errors
        ]
    return to_json(problem).encode()


def domain_error(status: HTTPStatus, error: Exception) -> Response:
    return as_response(Refusal(status, str(error)))


def http_error(error: exceptions.HTTPException) -> Response | exceptions.HTTPException:
    """What Flask itself raises: unknown routes, methods, too large a body."""
    if error.code is None or error.code < HTTPStatus.BAD_REQUEST:
        return error  # a redirect
    detail = error.description or ""
    if isinstance(error, exceptions.NotFound):
        detail = f"there is nothing at {cut(request.path)}"
    elif isinstance(error, exceptions.MethodNotAllowed):
        detail = f"{cut(request.method)} is not possible here; {', '.join(error.valid_methods or ())} is"
    elif isinstance(error, exceptions.RequestEntityTooLarge) and request.max_content_length is not None:
        detail = f"the body has more bytes than the limit of {request.max_content_length:,}"
    response = as_response(Refusal(HTTPStatus(error.code), detail))
    for name, value in error.get_headers():
        if name != "Content-Type":
            response.headers[name] = value
    return response


def no_room(detail: str = "the disk of the service is full; the same request may succeed later") -> Refusal:
    """A 507."""
    return Refusal(HTTPStatus.INSUFFICIENT_STORAGE, detail)


def system_error(error: OSError) -> Response:
    if not is_disk_full(error):
        return unexpected(error)
    log.warning("no room: %s", error)
    return as_response(no_room())


def database_away(error: Exception) -> Response:
    reason = error.orig if isinstance(error, sqlalchemy.exc.DBAPIError) else error
    if is_disk_full(error):
        log.warning("no room for the database: %s", reason)
        return as_response(no_room())
    log.warning("the database does not answer: %s", reason)
    return as_response(unavailable("the database does not answer"))


def unexpected(error: Exception) -> Response:
    log.exception("%s %s failed", cut(request.method), quoted(request.path))
    return as_response(internal_error())
