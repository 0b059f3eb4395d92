"""The service's problem documents (RFC 9457), made `ApiError`s."""

from typing import Any

import httpx2

from client.errors import ApiError, shortened
from client.http.response_models import decode_json

MAX_FIELD_ERRORS = 100
MAX_RETRY_AFTER_S = 3600
REQUEST_ID = "X-Request-ID"


def api_error(response: httpx2.Response) -> ApiError:
    """The error that the response's problem document describes; without one, only by its status."""
    problem = decode_json(response)
    return described_error(
        problem if isinstance(problem, dict) else {},
        response.status_code,
        reason=shortened(response.reason_phrase),
        retry_after_s=retry_after_s(response),
        request_id=response.headers.get(REQUEST_ID, ""),
    )


def problem_error(problem: dict[str, Any], request_id: str) -> ApiError:
    """The error that a problem document describes which came in a stream, behind its status."""
    status = problem.get("status")
    return described_error(problem, status if isinstance(status, int) else 500, request_id=request_id)


def described_error(
    problem: dict[str, Any],
    status: int,
    *,
    reason: str = "",
    retry_after_s: int | None = None,
    request_id: str = "",
) -> ApiError:
    errors, checks = problem.get("errors"), problem.get("checks")
    field_errors = [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    return ApiError(
        status,
        shortened(problem.get("title")) or reason or "error",
        shortened(problem.get("detail")),
        field_errors[:MAX_FIELD_ERRORS],
        checks if isinstance(checks, dict) else {},
        retry_after_s,
        shortened(problem.get("instance")),
        shortened(request_id),
    )


def retry_after_s(response: httpx2.Response) -> int | None:
    """The seconds of Retry-After. A date is ignored: the two clocks may differ."""
    value = response.headers.get("Retry-After", "")
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        return None
    return min(int(value), MAX_RETRY_AFTER_S)
