"""The service's HTTP interface as a Python object."""

import ipaddress
import json
import math
import os
import ssl
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx2

from client import shapes
from client.display.plain_text import one_line
from client.environment import Address, without_password
from client.errors import ClientError, UsageError
from client.records import JSON
from jobs.spec.quoting import cut, excerpt, quoted

CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 30
# A title or a detail is a sentence; what is longer comes from something else than the service.
MAX_MESSAGE_CHARACTERS = 1000
MAX_FIELD_ERRORS = 100
MAX_RETRY_AFTER_S = 3600
MAX_ID_CHARACTERS = 200
IMAGE_TYPES = {"png": "image/png", "svg": "image/svg+xml"}


class Unreachable(ClientError):
    """Nothing answered at the service's address, or not in HTTP, or the connection broke."""


class ApiError(ClientError):
    """The service refused a request.

    status  HTTP status
    title   what kind of error it is
    detail  what happened this time, or ""
    errors  for 422: every wrong field, as {"field", "message", "value"}
    checks  for 503 of /readyz: what each check found, `ok` or what is wrong
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
        first = f"{status} {title}" + (f": {detail}" if detail else "")
        if retry_after_s is not None:
            first += f" (try again in {retry_after_s} s)"
        super().__init__("\n".join([first, *map(describe_field_error, errors)]))

    @property
    def fields(self) -> set[str]:
        """Dotted paths of the wrong fields."""
        return {str(error.get("field", "")) for error in self.errors}


class Client:
    """A connection to the service; close it, or use it in a `with` statement.

    Answers are the API's JSON objects, unchanged. Every method raises Unreachable when nothing answers,
    ApiError when the service refuses, ClientError when what answers is not the service, and UsageError for
    what can't be sent.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        loopback = is_loopback(httpx2.URL(address.url).host)
        try:
            self._http = httpx2.Client(
                base_url=address.url,
                headers=authorization(os.environ.get("PRETRAIN_TOKEN")),
                timeout=httpx2.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
                # HTTP_PROXY would send requests for this machine's own loopback address to the proxy.
                trust_env=not loopback,
            )
        except (ValueError, ImportError, OSError, httpx2.InvalidURL) as error:
            raise UsageError(
                f"{address.shown} can't be asked with this environment: {what_is_wrong_with_it(error)}"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def submit(self, spec: JSON) -> JSON:
        """Post a job; its record."""
        return self._json("POST", "/jobs", shapes.Job, json=spec)

    def jobs(self, *, status: str | None = None, name: str | None = None, limit: int = 20) -> JSON:
        """The newest jobs, as a list object."""
        parameters = given(status=status, name=name, limit=limit)
        return self._json("GET", "/jobs", shapes.Page[shapes.Job], params=parameters)

    def job(self, job_id: str) -> JSON:
        return self._json("GET", job_path(job_id), shapes.Job)

    def cancel(self, job_id: str) -> JSON:
        return self._json("POST", job_path(job_id, "cancel"), shapes.Job)

    def pause(self, job_id: str) -> JSON:
        return self._json("POST", job_path(job_id, "pause"), shapes.Job)

    def resume(self, job_id: str) -> JSON:
        return self._json("POST", job_path(job_id, "resume"), shapes.Job)

    def delete(self, job_id: str) -> None:
        self._request("DELETE", job_path(job_id))

    def events(self, job_id: str) -> list[JSON]:
        """All that happened to the job, in order."""
        return list(self._paged(job_path(job_id, "events"), shapes.Page[shapes.Event], "after", "id"))

    def logs(self, job_id: str) -> list[str]:
        """The last log lines of the trainer that failed most recently; empty if none has."""
        lines = [event["data"].get("lines") for event in self.events(job_id) if event["type"] == "log"]
        return [str(line) for line in lines[-1] or []] if lines else []

    def losses(self, job_id: str, *, since_step: int = -1) -> list[JSON]:
        """All evaluations after `since_step`, in the order of their steps."""
        return list(self._by_step(job_path(job_id, "losses"), shapes.Page[shapes.Loss], since_step))

    def losses_csv(self, job_id: str) -> str:
        return self._file(job_path(job_id, "losses"), "text/csv", params={"format": "csv"}).text

    def loss_plot(self, job_id: str, image_format: str) -> bytes:
        """The loss plot as an image file; `image_format` is png or svg."""
        path = job_path(job_id, f"losses.{image_format}")
        return self._file(path, IMAGE_TYPES[image_format]).content

    def samples(self, job_id: str, *, since_step: int = -1) -> list[JSON]:
        """All samples after `since_step`, in the order of their steps."""
        return list(self._by_step(job_path(job_id, "samples"), shapes.Page[shapes.Sample], since_step))

    def checkpoints(self, job_id: str) -> list[JSON]:
        return self._list(job_path(job_id, "checkpoints"), shapes.Page[shapes.Checkpoint])

    def generate(self, request: JSON) -> JSON:
        """Complete a prompt. The service answers in its own time limit, which may be longer than ours."""
        timeout = httpx2.Timeout(None, connect=CONNECT_TIMEOUT_S)
        return self._json("POST", "/generate", shapes.Generation, json=request, timeout=timeout)

    def add_dataset(self, name: str, text: str) -> JSON:
        """The data set that holds the text; its `notices` say if it held it before."""
        response = self._request("POST", "/datasets", json={"name": name, "text": text})
        return self._record(response, shapes.AddedDataset)

    def datasets(self) -> list[JSON]:
        return self._list("/datasets", shapes.Page[shapes.Dataset])

    def check_ready(self) -> None:
        """Return if the service can take jobs and works on them; ApiError says what is missing."""
        self._request("GET", "/readyz", timeout=CONNECT_TIMEOUT_S)

    def _by_step(self, path: str, shape: type[shapes.Shape], since_step: int) -> Iterator[JSON]:
        """The rows of a list that is paged by step, from as many pages as there are."""
        return self._paged(path, shape, "since_step", "step", since_step)

    def _paged(
        self, path: str, shape: type[shapes.Shape], parameter: str, cursor: str, start: Any = None
    ) -> Iterator[JSON]:
        """The rows of all pages; `parameter` names the row, by its `cursor`, that a page begins after."""
        after = start
        while True:
            page = self._json("GET", path, shape, params=given(**{parameter: after}))
            yield from page["data"]
            if not page["has_more"]:
                return
            if not page["data"] or page["data"][-1][cursor] == after:
                raise self._stranger(f"a page of {path} that leads nowhere")
            after = page["data"][-1][cursor]

    def _list(self, path: str, shape: type[shapes.Shape]) -> list[JSON]:
        rows: list[JSON] = self._json("GET", path, shape)["data"]
        return rows

    def _json(self, method: str, path: str, shape: type[shapes.Shape], **options: Any) -> JSON:
        return self._record(self._request(method, path, **options), shape)

    def _record(self, response: httpx2.Response, shape: type[shapes.Shape]) -> JSON:
        body = decoded(response)
        if not isinstance(body, dict):
            raise self._stranger("something else than a JSON object")
        if wrong := shapes.misfit(body, shape):
            raise self._stranger(f"what is no {shape.called}: {wrong}")
        return body

    def _file(self, path: str, media_type: str, **options: Any) -> httpx2.Response:
        response = self._request("GET", path, **options)
        if response.headers.get("Content-Type", "").partition(";")[0].strip().lower() != media_type:
            raise self._stranger(f"something else than {media_type}")
        return response

    def _stranger(self, what: str) -> ClientError:
        return ClientError(
            f"{self.address.shown} (from {self.address.source}) answered with {what}: "
            "is it the pretrain service?"
        )

    def _request(self, method: str, path: str, **options: Any) -> httpx2.Response:
        for kind in ("json", "params"):
            check_sendable(options.get(kind))
        try:
            response = self._http.request(method, path, **options)
        except httpx2.TimeoutException as error:
            raise self._away(error, f"did not answer {method} {path} in time") from error
        except httpx2.RemoteProtocolError as error:
            raise self._away(error, "ended the connection without a whole answer in HTTP") from error
        except httpx2.DecodingError as error:
            raise self._away(error, "sent an answer that can't be unpacked") from error
        except httpx2.TransportError as error:
            raise self._away(error, f"the connection broke: {reason_of(error)}") from error
        except (httpx2.InvalidURL, UnicodeError) as error:
            raise UsageError(
                f"{quoted(without_password(self.address.url) + path)} with what is asked for is no URL"
            ) from error
        if response.has_redirect_location:
            raise ClientError(
                f"{self.address.shown} (from {self.address.source}) sends on to "
                f"{cut(one_line(response.headers['Location']))}. If that is the service, give its address "
                "with --url or PRETRAIN_URL."
            )
        if not response.is_success:
            raise as_api_error(response)
        return response

    def _away(self, error: httpx2.RequestError, what: str) -> Unreachable:
        url, source = self.address.shown, self.address.source
        if isinstance(error, httpx2.ProxyError):
            return Unreachable(f"the proxy between here and {url} refuses: {reason_of(error)}")
        if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
            return Unreachable(
                f"no service answers at {url} (from {source}): {reason_of(error)}\n"
                "Start one with `pretrain up`, or say where it is with --url or PRETRAIN_URL."
            )
        return Unreachable(f"{url} (from {source}): {what}")


def authorization(token: str | None) -> dict[str, str]:
    """The header that shows the token; UsageError if no header can hold it."""
    if not token:
        return {}
    if not (token.isascii() and token.isprintable()):
        raise UsageError("PRETRAIN_TOKEN: a token has letters, digits and punctuation of ASCII only")
    return {"Authorization": f"Bearer {token}"}


def what_is_wrong_with_it(error: Exception) -> str:
    """Why httpx2 can't start: it reads the proxies and the certificates that the environment names."""
    if isinstance(error, OSError):
        files = [f"{name}={os.environ.get(name, '')}" for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")]
        return f"{', '.join(files)}: {reason_of(error)}"
    proxies = [name for name in os.environ if name.lower().endswith("_proxy")]
    return f"a proxy must be an http:// or https:// URL (one of {', '.join(proxies)})"


def reason_of(error: BaseException) -> str:
    """Why a connection failed, in the system's words."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return "it does not speak HTTPS" if cause.reason == "WRONG_VERSION_NUMBER" else "HTTPS failed"
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        if isinstance(cause, httpx2.TimeoutException | TimeoutError):
            return "it takes too long"
        cause = cause.__cause__ or cause.__context__
    return "the connection broke"


def check_sendable(value: Any, field: str = "") -> None:
    """UsageError if JSON and UTF-8 could not hold `value`: arguments need not be text, nor numbers finite."""
    if isinstance(value, dict):
        for name, child in value.items():
            check_sendable(name, field)
            check_sendable(child, f"{field}.{name}" if field else str(name))
    elif isinstance(value, list):
        for child in value:
            check_sendable(child, field)
    elif isinstance(value, float) and not math.isfinite(value):
        raise UsageError(f"{field}: must be a finite number, not {value}")
    elif isinstance(value, str) and not is_unicode(value):
        raise UsageError(f"{field or 'argument'}: {quoted(value)} is not text in UTF-8")


def is_unicode(text: str) -> bool:
    """Whether `text` has no byte that an argument in another encoding left behind."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def decoded(response: httpx2.Response) -> Any:
    """The body as JSON; None if it is something else."""
    try:
        return response.json()
    except (ValueError, RecursionError):
        return None


def as_api_error(response: httpx2.Response) -> ApiError:
    """The problem+json body of a refusal; anything else is reported by its status alone."""
    problem = decoded(response)
    if not isinstance(problem, dict):
        problem = {}
    errors, checks = problem.get("errors"), problem.get("checks")
    wrong_fields = [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    return ApiError(
        response.status_code,
        message(problem.get("title")) or message(response.reason_phrase) or "error",
        message(problem.get("detail")),
        wrong_fields[:MAX_FIELD_ERRORS],
        checks if isinstance(checks, dict) else {},
        retry_after_s(response),
    )


def message(text: Any) -> str:
    return text[:MAX_MESSAGE_CHARACTERS] if isinstance(text, str) else ""


def retry_after_s(response: httpx2.Response) -> int | None:
    """The seconds of Retry-After. A date in it is left alone: the two clocks may differ."""
    value = response.headers.get("Retry-After", "")
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        return None
    return min(int(value), MAX_RETRY_AFTER_S)


def describe_field_error(error: JSON) -> str:
    text = f"  {message(error.get('field')) or 'body'}: {message(error.get('message'))}"
    if "value" not in error:
        return text
    return f"{text} (got {cut(json.dumps(excerpt(error['value']), ensure_ascii=False))})"


def job_path(job_id: str, *rest: str) -> str:
    """The path of a job; UsageError for what is no id: it would lead elsewhere, or be too long for a URL."""
    if job_id in ("", ".", "..") or len(job_id) > MAX_ID_CHARACTERS or not is_unicode(job_id):
        raise UsageError(f"{quoted(job_id)} is no id of a job")
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
