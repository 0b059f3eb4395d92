"""The service's errors: problem documents (RFC 9457), made exceptions."""

import json
from typing import Any

import httpx2

from client.errors import ClientError
from client.http.response_models import decode_json
from client.http.types import JSON
from jobs.validation.quoting import cut, excerpt

# A title or a detail is a sentence; what is longer comes from something else than the service.
MAX_MESSAGE_CHARACTERS = 1000
MAX_FIELD_ERRORS = 100
MAX_RETRY_AFTER_S = 3600


class ApiError(ClientError):
    """The service refused a request.

    status  HTTP status
    title   what kind of error it is
    detail  what happened this time, or ""
    errors  for 422: every wrong field, as {"field", "message", "value"}
    checks  for 503 of /readyz: the result of each check, `ok` or what is wrong
    retry_after_s  seconds after which the same request may succeed, if the service said so
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        errors: list[JSON],
        checks: JSON,
        retry_after_s: int | None = None,
    ) -> None:
        self.status = status
        self.title = title
        self.detail = detail
        self.errors = errors
        self.checks = checks
        self.retry_after_s = retry_after_s
        summary = f"{status} {title}" + (f": {detail}" if detail else "")
        if retry_after_s is not None:
            summary += f" (try again in {retry_after_s} s)"
        super().__init__("\n".join([summary, *map(describe_field_error, errors)]))

    @property
    def fields(self) -> set[str]:
        """Dotted paths of the wrong fields."""
        return {str(error.get("field", "")) for error in self.errors}


def api_error(response: httpx2.Response) -> ApiError:
    """The error that the response's problem document describes; without one, only by its status."""
    problem = decode_json(response)
    return described_error(
        problem if isinstance(problem, dict) else {},
        response.status_code,
        message(response.reason_phrase),
        retry_after_s(response),
    )


def problem_error(problem: JSON) -> ApiError:
    """The error that a problem document describes which came in a stream, behind its status."""
    status = problem.get("status")
    return described_error(problem, status if isinstance(status, int) else 500)


def described_error(
    problem: JSON, status: int, reason: str = "", retry_after_s: int | None = None
) -> ApiError:
    errors, checks = problem.get("errors"), problem.get("checks")
    field_errors = [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    return ApiError(
        status,
        message(problem.get("title")) or reason or "error",
        message(problem.get("detail")),
        field_errors[:MAX_FIELD_ERRORS],
        checks if isinstance(checks, dict) else {},
        retry_after_s,
    )


def message(text: Any) -> str:
    return text[:MAX_MESSAGE_CHARACTERS] if isinstance(text, str) else ""


def retry_after_s(response: httpx2.Response) -> int | None:
    """The seconds of Retry-After. A date is ignored: the two clocks may differ."""
    value = response.headers.get("Retry-After", "")
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        return None
    return min(int(value), MAX_RETRY_AFTER_S)


def describe_field_error(error: JSON) -> str:
    text = f"  {message(error.get('field')) or 'body'}: {message(error.get('message'))}"
    if "value" not in error:
        return text
    return f"{text} (got {cut(json.dumps(excerpt(error['value']), ensure_ascii=False))})"
