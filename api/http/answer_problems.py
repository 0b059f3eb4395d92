"""The problems that fit what a generation worker, or the way to it, may fail with."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from kombu.exceptions import OperationalError
from redis import RedisError

from api.http.problems import HTTPProblem, internal_error, unavailable
from jobs.broker.replies import NoAnswer, RequestFailed
from jobs.broker.requester import Abandoned

log = logging.getLogger(__name__)

KNOWN = (NoAnswer, RequestFailed, Abandoned, RedisError, OperationalError)


@contextmanager
def answer_problems() -> Iterator[None]:
    """Raise a problem instead of what a requester raises."""
    try:
        yield
    except KNOWN as error:
        raise answer_problem(error) from error


def answer_problem(error: Exception) -> HTTPProblem:
    """Of what a requester raises; of anything else a 500, and the log has it."""
    match error:
        case HTTPProblem():
            return error
        case NoAnswer():
            return unavailable(str(error))
        case RedisError() | OperationalError():
            return unavailable("the broker does not answer")
        case Abandoned():  # the client has gone and reads nothing, or the service ends its streams
            return unavailable("the service is stopping")
        case RequestFailed():
            return failure_problem(error)
        case _:
            log.error("a stream failed", exc_info=error)
            return internal_error()


def failure_problem(error: RequestFailed) -> HTTPProblem:
    match error.cause:
        case "not_found":
            return HTTPProblem(HTTPStatus.NOT_FOUND, str(error))
        case "invalid":
            return HTTPProblem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        case "unavailable":
            return unavailable(str(error))
        case "internal":
            return HTTPProblem(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
