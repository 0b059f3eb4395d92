"""Flask's error handlers: every exception that leaves a view becomes a problem document."""

import logging
from functools import partial
from http import HTTPStatus

import sqlalchemy.exc
from flask import Flask, Response, request
from werkzeug import exceptions

from api.http.error_bodies import error_body
from api.http.problems import HTTPProblem, disk_full, internal_error, invalid_fields, unavailable
from jobs.files.checkpoint_files import CheckpointFilesLost
from jobs.files.datasets import DatasetNeeded
from jobs.files.disk import is_disk_full
from jobs.files.tokenizers import TokenizerLost, TokenizerNotReady
from jobs.lifecycle.requests import CheckpointNeeded
from jobs.lifecycle.tokenizers import TokenizerNeeded
from jobs.lifecycle.weights import WeightsLost
from jobs.spec.stored_specs import UnreadableSpec
from jobs.states import WrongState
from jobs.store.idempotency import KeyReused
from jobs.store.lookup import BadCursor, NotFound
from jobs.store.owner_limits import StoreUsedUp, TooManyQueued
from jobs.store.ownership import NotYours
from jobs.validation.field_errors import SpecError
from jobs.validation.quoting import cut, quoted

log = logging.getLogger(__name__)

STATUSES: dict[type[Exception], HTTPStatus] = {
    BadCursor: HTTPStatus.BAD_REQUEST,
    NotFound: HTTPStatus.NOT_FOUND,
    NotYours: HTTPStatus.FORBIDDEN,
    CheckpointFilesLost: HTTPStatus.GONE,
    CheckpointNeeded: HTTPStatus.CONFLICT,
    WeightsLost: HTTPStatus.GONE,
    UnreadableSpec: HTTPStatus.CONFLICT,
    WrongState: HTTPStatus.CONFLICT,
    DatasetNeeded: HTTPStatus.CONFLICT,
    TokenizerNeeded: HTTPStatus.CONFLICT,
    TokenizerNotReady: HTTPStatus.CONFLICT,
    TokenizerLost: HTTPStatus.GONE,
    KeyReused: HTTPStatus.CONFLICT,
    TooManyQueued: HTTPStatus.TOO_MANY_REQUESTS,
    StoreUsedUp: HTTPStatus.INSUFFICIENT_STORAGE,
}
"""Of the exceptions that `jobs` raises, whose message is the detail."""

RETRY_AFTER_S: dict[type[Exception], int] = {TooManyQueued: 30}
"""Where waiting helps. Nobody can know when a job ends."""


def register_error_handlers(app: Flask) -> None:
    app.register_error_handler(HTTPProblem, problem_response)
    app.register_error_handler(SpecError, lambda error: problem_response(invalid_fields(error.errors)))
    for kind, status in STATUSES.items():
        app.register_error_handler(kind, partial(known_error, status))
    app.register_error_handler(sqlalchemy.exc.OperationalError, database_error)
    app.register_error_handler(sqlalchemy.exc.TimeoutError, database_error)
    app.register_error_handler(OSError, system_error)
    app.register_error_handler(exceptions.HTTPException, http_error)
    app.register_error_handler(Exception, unexpected_error)


def problem_response(problem: HTTPProblem) -> Response:
    body = error_body(problem, request.path)
    return Response(body.content, body.status, problem.headers, content_type=body.media_type)


def known_error(status: HTTPStatus, error: Exception) -> Response:
    return problem_response(HTTPProblem(status, str(error), retry_after_s=RETRY_AFTER_S.get(type(error))))


def http_error(error: exceptions.HTTPException) -> Response | exceptions.HTTPException:
    """Of Flask itself: unknown routes and methods, too large a body."""
    if error.code is None or error.code < HTTPStatus.BAD_REQUEST:
        return error  # a redirect
    detail = error.description or ""
    if isinstance(error, exceptions.NotFound):
        detail = f"there is nothing at {cut(request.path)}"
    elif isinstance(error, exceptions.MethodNotAllowed):
        detail = (
            f"{cut(request.method)} is not possible here; possible: {', '.join(error.valid_methods or ())}"
        )
    elif isinstance(error, exceptions.RequestEntityTooLarge) and request.max_content_length is not None:
        detail = f"the body has more bytes than the limit of {request.max_content_length:,}"
    response = problem_response(HTTPProblem(HTTPStatus(error.code), detail))
    for name, value in error.get_headers():
        if name != "Content-Type":
            response.headers[name] = value
    return response


def system_error(error: OSError) -> Response:
    if not is_disk_full(error):
        return unexpected_error(error)
    log.warning("the disk is full: %s", error)
    return problem_response(disk_full())


def database_error(error: Exception) -> Response:
    reason = error.orig if isinstance(error, sqlalchemy.exc.DBAPIError) else error
    if is_disk_full(error):
        log.warning("the disk of the database is full: %s", reason)
        return problem_response(disk_full())
    log.warning("the database does not answer: %s", reason)
    return problem_response(unavailable("the database does not answer"))


def unexpected_error(error: Exception) -> Response:
    log.exception("%s %s failed", cut(request.method), quoted(request.path))
    return problem_response(internal_error())
