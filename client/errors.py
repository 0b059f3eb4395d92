"""What can go wrong. Every message stands alone: cause, then remedy.

A `ClientError` is any of them; the others say which, for whoever wants to do something about it.
"""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from jobs.validation.quoting import cut, excerpt

if TYPE_CHECKING:
    from client.records import Job

# A title or a detail is a sentence; what is longer comes from something else than the service.
MAX_MESSAGE_CHARACTERS = 1000
TOKEN_HINT = (
    "Set PRETRAIN_TOKEN to a token. An administrator makes one with `pretrain token create`; the first one "
    "is made on the service's machine, in the folder in which it runs."
)


class ClientError(Exception):
    """A request or a local service failed. Commands end with exit status 1."""


class UsageError(ClientError):
    """What was given can't be used: nothing was sent. Commands end with exit status 2."""


class NotAnId(UsageError):
    """What was given as an id can be none.

    kind  what was meant by it: `job`, `data set` and so on
    """

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


class Unreachable(ClientError):
    """Nothing responds at the service's address, or not in HTTP, or the connection broke."""


class NoAnswer(Unreachable):
    """The service was reached, and it is not known what it has done: no whole answer came back."""


class TimedOut(ClientError):
    """What was waited for has not happened in the time that was given for it."""


class JobFailed(ClientError):
    """A job that was waited for has ended without success: it failed, was cancelled or deleted.

    job  its last record
    """

    def __init__(self, message: str, job: "Job") -> None:
        super().__init__(message)
        self.job = job


class ApiError(ClientError):
    """The service refused a request, with a problem document (RFC 9457).

    status         HTTP status
    title          what kind of error it is
    detail         what happened this time, or ""
    instance       the path of the request, or ""
    errors         for 422: every wrong field, as {"field", "message", "value"}
    checks         for 503 of /readyz: the result of each check, `ok` or what is wrong
    retry_after_s  seconds after which the same request may succeed, if the service said so
    request_id     the `X-Request-ID`, by which the service's logs and its audit know the request; or ""
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str = "",
        errors: list[dict[str, Any]] | None = None,
        checks: dict[str, Any] | None = None,
        retry_after_s: int | None = None,
        instance: str = "",
        request_id: str = "",
    ) -> None:
        self.status = status
        self.title = title
        self.detail = detail
        self.instance = instance
        self.errors = errors or []
        self.checks = checks or {}
        self.retry_after_s = retry_after_s
        self.request_id = request_id
        summary = f"{status} {title}" + (f": {detail}" if detail else "")
        if retry_after_s is not None:
            summary += f" (try again in {retry_after_s} s)"
        hint = [TOKEN_HINT] if status == HTTPStatus.UNAUTHORIZED else []
        super().__init__("\n".join([summary, *map(describe_field_error, self.errors), *hint]))

    @property
    def fields(self) -> set[str]:
        """Dotted paths of the wrong fields."""
        return {str(error.get("field", "")) for error in self.errors}


def shortened(text: Any) -> str:
    """A text of a problem document; "" for what is none."""
    return text[:MAX_MESSAGE_CHARACTERS] if isinstance(text, str) else ""


def describe_field_error(error: Mapping[str, Any]) -> str:
    text = f"  {shortened(error.get('field')) or 'body'}: {shortened(error.get('message'))}"
    if "value" not in error:
        return text
    return f"{text} (got {cut(json.dumps(excerpt(error['value']), ensure_ascii=False))})"
