"""Errors below `/v1` as OpenAI's API has them, so that its clients understand them."""

from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict

from api.http.problems import HTTPProblem
from jobs.validation.field_errors import FieldError
from jobs.validation.quoting import cut, excerpt
from jobs.validation.strict_json import to_json

PREFIX = "/v1"
MEDIA_TYPE = "application/json"
ERRORS_NAMED = 10
"""In a message, at most."""

TYPES = {
    HTTPStatus.UNAUTHORIZED: "authentication_error",
    HTTPStatus.FORBIDDEN: "permission_error",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_error",
}
"""Of errors below 500 that are no `invalid_request_error`."""


class OpenAIErrorDetail(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)

    message: str
    """What happened, and what would be right."""
    type: str
    """`invalid_request_error`, `server_error` or another kind."""
    param: str | None
    """The first wrong field."""
    code: str | None
    """Such as `model_not_found`."""


class OpenAIError(BaseModel):
    """An error as OpenAI's API answers with it."""

    error: OpenAIErrorDetail


def is_openai_path(path: str) -> bool:
    return path == PREFIX or path.startswith(f"{PREFIX}/")


def openai_status(problem: HTTPProblem) -> HTTPStatus:
    """OpenAI's API answers wrong fields with 400."""
    is_invalid = problem.status == HTTPStatus.UNPROCESSABLE_ENTITY
    return HTTPStatus.BAD_REQUEST if is_invalid else problem.status


def openai_error(problem: HTTPProblem) -> dict[str, Any]:
    """The error object of a problem, whose members `param` and `code` it takes over."""
    return {
        "error": {
            "message": message_of(problem),
            "type": error_type(problem.status),
            "param": problem.members.get("param", cut(problem.errors[0].field) if problem.errors else None),
            "code": problem.members.get("code"),
        }
    }


def message_of(problem: HTTPProblem) -> str:
    named = [described(error) for error in problem.errors[:ERRORS_NAMED]]
    more = len(problem.errors) - len(named)
    if more:
        named.append(f"and {more} more fields are wrong")
    return "; ".join(named) or problem.detail


def described(error: FieldError) -> str:
    given = f" (got {cut(to_json(excerpt(error.value)))})" if error.has_value else ""
    return f"{cut(error.field) or 'the body'}: {error.message}{given}"


def error_type(status: HTTPStatus) -> str:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "server_error"
    return TYPES.get(status, "invalid_request_error")
