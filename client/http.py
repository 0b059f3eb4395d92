"""The service's HTTP interface as a Python object."""

import ipaddress
import json
import os
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx2

from client.address import Address
from client.errors import ClientError
from client.records import JSON

CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 30


class Unreachable(ClientError):
    """Nothing answered at the service's address."""


class ApiError(ClientError):
    """The service refused a request.

    status  HTTP status
    title   what kind of error it is
    detail  what happened this time, or ""
    errors  for 422: every wrong field, as {"field", "message", "value"}
    checks  for 503 of /readyz: what each check found, `ok` or what is wrong
    """

    def __init__(self, status: int, title: str, detail: str, errors: list[JSON], checks: JSON) -> None:
        self.status = status
        self.title = title
        self.detail = detail
        self.errors = errors
        self.checks = checks
        lines = [f"{status} {title}" + (f": {detail}" if detail else "")]
        lines += [describe_field_error(error) for error in errors]
        super().__init__("\n".join(lines))

    @property
    def fields(self) -> set[str]:
        """Dotted paths of the wrong fields."""
        return {str(error.get("field", "")) for error in self.errors}


class Client:
    """A connection to the service; close it, or use it in a `with` statement.

    Answers are the API's JSON objects, unchanged. Every method raises Unreachable when nothing answers and
    ApiError when the service refuses.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        token = os.environ.get("PRETRAIN_TOKEN")
        self._http = httpx2.Client(
            base_url=address.url,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=httpx2.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            # HTTP_PROXY would send requests for this machine's own loopback address to the proxy.
            trust_env=not is_loopback(httpx2.URL(address.url).host),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def submit(self, spec: JSON) -> JSON:
        """Post a job; its record."""
        return self._json("POST", "/jobs", json=spec)

    def jobs(self, *, status: str | None = None, name: str | None = None, limit: int = 20) -> JSON:
        """The newest jobs, as a list object."""
        return self._json("GET", "/jobs", params=given(status=status, name=name, limit=limit))

    def job(self, job_id: str) -> JSON:
        return self._json("GET", job_path(job_id))

    def cancel(self, job_id: str) -> JSON:
        return self._json("POST", job_path(job_id, "cancel"))

    def pause(self, job_id: str) -> JSON:
        return self._json("POST", job_path(job_id, "pause"))

    def resume(self, job_id: str) -> JSON:
        return self._json("POST", job_path(job_id, "resume"))

    def delete(self, job_id: str) -> None:
        self._request("DELETE", job_path(job_id))

    def events(self, job_id: str) -> list[JSON]:
        """All that happened to the job, in order."""
        events: list[JSON] = []
        while True:
            after = {"after": events[-1]["id"]} if events else {}
            page = self._json("GET", job_path(job_id, "events"), params=after)
            events += page["data"]
            if not page["has_more"]:
                return events

    def logs(self, job_id: str) -> list[str]:
        """The last log lines of the trainer that failed most recently; empty if none has."""
        lines = [event["data"]["lines"] for event in self.events(job_id) if event["type"] == "log"]
        return lines[-1] if lines else []

    def losses(self, job_id: str, *, since_step: int = -1) -> list[JSON]:
        """All evaluations after `since_step`, in the order of their steps."""
        return list(self._by_step(job_path(job_id, "losses"), since_step))

    def losses_csv(self, job_id: str) -> str:
        return self._request("GET", job_path(job_id, "losses"), params={"format": "csv"}).text

    def loss_plot(self, job_id: str, image_format: str) -> bytes:
        """The loss plot as an image file; `image_format` is png or svg."""
        return self._request("GET", job_path(job_id, f"losses.{image_format}")).content

    def samples(self, job_id: str, *, since_step: int = -1) -> list[JSON]:
        """All samples after `since_step`, in the order of their steps."""
        return list(self._by_step(job_path(job_id, "samples"), since_step))

    def checkpoints(self, job_id: str) -> list[JSON]:
        return self._list(job_path(job_id, "checkpoints"))

    def generate(self, request: JSON) -> JSON:
        """Complete a prompt. The service answers in its own time limit, which may be longer than ours."""
        timeout = httpx2.Timeout(None, connect=CONNECT_TIMEOUT_S)
        return self._json("POST", "/generate", json=request, timeout=timeout)

    def add_dataset(self, name: str, text: str) -> JSON:
        return self._json("POST", "/datasets", json={"name": name, "text": text})

    def datasets(self) -> list[JSON]:
        return self._list("/datasets")

    def check_ready(self) -> None:
        """Return if the service can take jobs and works on them; ApiError says what is missing."""
        self._request("GET", "/readyz", timeout=CONNECT_TIMEOUT_S)

    def _by_step(self, path: str, since_step: int) -> Iterator[JSON]:
        """The rows of a list that is paged by step, from as many pages as there are."""
        while True:
            page = self._json("GET", path, params={"since_step": since_step})
            yield from page["data"]
            if not page["has_more"]:
                return
            since_step = page["data"][-1]["step"]

    def _list(self, path: str) -> list[JSON]:
        rows: list[JSON] = self._json("GET", path)["data"]
        return rows

    def _json(self, method: str, path: str, **options: Any) -> JSON:
        response = self._request(method, path, **options)
        try:
            body = response.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise ClientError(
                f"{response.url} did not answer with a JSON object: is it the pretrain service?"
            )
        return body

    def _request(self, method: str, path: str, **options: Any) -> httpx2.Response:
        try:
            response = self._http.request(method, path, **options)
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise Unreachable(
                f"no service answers at {self.address.url} (from {self.address.source}): {error}\n"
                "Start one with `pretrain up`, or say where it is with --url or PRETRAIN_URL."
            ) from error
        except httpx2.TimeoutException as error:
            raise Unreachable(
                f"the service at {self.address.url} did not answer {method} {path} in time"
            ) from error
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
            raise ClientError(
                f"{self.address.url!r} (from {self.address.source}) is no HTTP URL: {error}"
            ) from error
        except httpx2.TransportError as error:
            raise Unreachable(f"the connection to {self.address.url} broke: {error}") from error
        if not response.is_success:
            raise as_api_error(response)
        return response


def as_api_error(response: httpx2.Response) -> ApiError:
    """The problem+json body of a refusal; anything else is reported by its status alone."""
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        problem = {}
    return ApiError(
        response.status_code,
        str(problem.get("title") or response.reason_phrase or "error"),
        str(problem.get("detail") or ""),
        [error for error in problem.get("errors") or [] if isinstance(error, dict)],
        problem.get("checks") or {},
    )


def describe_field_error(error: JSON) -> str:
    message = f"  {error.get('field') or 'body'}: {error.get('message', '')}"
    if "value" not in error:
        return message
    value = json.dumps(error["value"])
    return f"{message} (got {value if len(value) <= 100 else value[:99] + '…'})"


def job_path(job_id: str, *rest: str) -> str:
    return "/".join(["/jobs", quote(job_id, safe=""), *rest])


def given(**parameters: Any) -> JSON:
    """The query parameters that have a value."""
    return {name: value for name, value in parameters.items() if value is not None}


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
