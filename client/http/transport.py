"""Requests to the service, and what can go wrong on the way there and back, with errors for people."""

import ipaddress
import math
import os
import ssl
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from time import sleep
from typing import Any, BinaryIO
from uuid import uuid4

import httpx2

from client.address import Address, without_password
from client.errors import ClientError, NoAnswer, Unreachable, UsageError
from client.http.api_error import REQUEST_ID, api_error, problem_error, retry_after_s
from client.http.event_stream import POSITION, StreamEvent, read_events
from client.http.response_models import ResponseModel, decode_json, mismatch
from client.http.types import JSON
from client.plain_text import is_unicode, one_line
from jobs.validation.quoting import cut, quoted

CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 30
RETRY_PAUSES_S = (0.5, 2)
"""Before a request whose answer was lost is sent again, by which time a restarted service may answer."""
IDEMPOTENCY_HEADER = "Idempotency-Key"
CHUNK_BYTES = 2**20
TOO_MANY_REQUESTS = HTTPStatus.TOO_MANY_REQUESTS
PATIENCE_S = 60
"""With a service that has had too many requests of this client, or is away while it is followed."""
REPEATABLE = {"json", "params", "headers", "timeout"}
"""Options whose request can be sent again as it was; a body that is read from a file can't."""
EVENT_STREAM = "text/event-stream"


class StreamOver(Exception):
    """A stream of events has nothing more for whoever has read so far (204)."""


class Transport:
    """Sends requests and checks the responses. Its methods raise as those of `Pretrain` do.

    token       None: that of PRETRAIN_TOKEN
    patience_s  how long the service is waited for where waiting may help
    """

    def __init__(self, address: Address, token: str | None = None, patience_s: float = PATIENCE_S) -> None:
        self._address = address
        self.patience_s = patience_s
        try:
            url = httpx2.URL(address.url)
            is_local = is_loopback(url.host)
            self._http = httpx2.Client(
                base_url=address.url,
                headers=authorization(os.environ.get("PRETRAIN_TOKEN") if token is None else token),
                timeout=httpx2.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
                # HTTP_PROXY would send requests for this machine's own loopback address to the proxy.
                trust_env=not is_local,
                # To read certificates takes longer than most requests. Redirects are not followed, so where
                # neither the service nor a proxy can speak TLS, none is used.
                verify=not (is_local and url.scheme == "http"),
            )
        except (ValueError, ImportError, OSError, httpx2.InvalidURL) as error:
            raise UsageError(
                f"{address.shown} can't be asked with this environment: {wrong_environment(error)}"
            ) from error

    def close(self) -> None:
        self._http.close()

    def json(self, method: str, path: str, model: type[ResponseModel], **options: Any) -> Any:
        """The response's body, which has what commands need of a `model`."""
        body = decode_json(self.request(method, path, **options))
        if not isinstance(body, dict):
            raise self.unexpected_response("something else than a JSON object")
        if problem := mismatch(body, model):
            raise self.unexpected_response(f"what is no {model.title}: {problem}")
        return body

    def json_once(self, path: str, model: type[ResponseModel], **options: Any) -> Any:
        """What a POST makes: once, however often the connection breaks before the answer is here, since the
        repeated request has the same `Idempotency-Key`."""
        headers = {IDEMPOTENCY_HEADER: str(uuid4())}
        try:
            return self.json("POST", path, model, headers=headers, **options)
        except NoAnswer as error:
            lost = error
        for pause_s in RETRY_PAUSES_S:
            sleep(pause_s)
            try:
                return self.json("POST", path, model, headers=headers, **options)
            except Unreachable:  # it may just be starting again
                continue
        raise lost

    def file(self, path: str, expected_type: str, **options: Any) -> httpx2.Response:
        """The response, which has that media type."""
        response = self.request("GET", path, **options)
        if media_type(response) != expected_type:
            raise self.unexpected_response(f"something else than {expected_type}")
        return response

    def request(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """A response with a status below 300. Where the service says that this client asks too often, it is
        asked again when it says, for as long as `patience_s`: it has done nothing, so nothing is done twice.

        options  of httpx2's `request`
        """
        for kind in ("json", "params"):
            check_sendable(options.get(kind))
        is_repeatable = REPEATABLE.issuperset(options)
        waited_s = 0
        while True:
            with self._errors_for_people(method, path):
                response = self._http.request(method, path, **options)
            pause_s = retry_after_s(response) if response.status_code == TOO_MANY_REQUESTS else None
            if pause_s is None or not is_repeatable or waited_s + pause_s > self.patience_s:
                self._check(response)
                return response
            sleep(pause_s)
            waited_s += max(pause_s, 1)

    def download(self, path: str, expected_type: str, file: BinaryIO, **options: Any) -> httpx2.Headers:
        """Write the response's body, which has that media type and may be long, to `file`; the response's
        headers."""
        with self._errors_for_people("GET", path), self._http.stream("GET", path, **options) as response:
            if not response.is_success:
                response.read()
            self._check(response)
            if media_type(response) != expected_type:
                raise self.unexpected_response(f"something else than {expected_type}")
            for chunk in response.iter_bytes(CHUNK_BYTES):
                file.write(chunk)
            return response.headers

    def events(self, method: str, path: str, **options: Any) -> Generator[tuple[str, JSON], None, None]:
        """Name and data of the events that the service responds with, as they come. An `error` event is
        raised as its problem is.

        options  of httpx2's `stream`
        """
        for event in self.stream(method, path, **options):
            if event is not None and event.name != POSITION:
                yield event.name, event.data

    def stream(
        self, method: str, path: str, last_event_id: str | None = None, **options: Any
    ) -> Generator[StreamEvent | None, None, None]:
        """The same with the events' ids; None once the service responds, and for each of its comments.

        last_event_id  of the event behind which it is to begin
        raises         StreamOver
        """
        headers = {"Accept": EVENT_STREAM}
        if last_event_id is not None:
            headers["Last-Event-ID"] = last_event_id
        for kind in ("json", "params"):
            check_sendable(options.get(kind))
        with (
            self._errors_for_people(method, path),
            self._http.stream(method, path, headers=headers, **options) as response,
        ):
            if not response.is_success:
                response.read()
            self._check(response)
            if response.status_code == HTTPStatus.NO_CONTENT:
                raise StreamOver
            if media_type(response) != EVENT_STREAM:
                raise self.unexpected_response("something else than a stream of events")
            yield None
            try:
                for event in read_events(response.iter_lines()):
                    if event is not None and not isinstance(event.data, dict):
                        raise self.unexpected_response("an event that is no JSON object")
                    if event is not None and event.name == "error":
                        raise problem_error(event.data, response.headers.get(REQUEST_ID, ""))
                    yield event
            except (ValueError, RecursionError) as error:
                raise self.unexpected_response("an event that is not JSON") from error

    @contextmanager
    def _errors_for_people(self, method: str, path: str) -> Iterator[None]:
        try:
            yield
        except httpx2.TimeoutException as error:
            raise self._unreachable(error, f"did not answer {method} {path} in time") from error
        except httpx2.RemoteProtocolError as error:
            raise self._unreachable(error, "ended the connection without a whole answer in HTTP") from error
        except httpx2.DecodingError as error:
            raise self._unreachable(error, "sent an answer that can't be unpacked") from error
        except httpx2.TransportError as error:
            raise self._unreachable(error, f"the connection broke: {reason_of(error)}") from error
        except (httpx2.InvalidURL, UnicodeError) as error:
            raise UsageError(
                f"{quoted(without_password(self._address.url) + path)} with what is asked for is no URL"
            ) from error

    def _check(self, response: httpx2.Response) -> None:
        """raises  ClientError, unless the status is below 300"""
        if response.has_redirect_location:
            raise ClientError(
                f"{self._address.shown} (from {self._address.source}) sends on to "
                f"{cut(one_line(response.headers['Location']))}. If that is the service, give its address "
                "with --url or PRETRAIN_URL."
            )
        if not response.is_success:
            raise api_error(response)

    def unexpected_response(self, what: str) -> ClientError:
        return ClientError(
            f"{self._address.shown} (from {self._address.source}) answered with {what}: "
            "is it the pretrain service?"
        )

    def _unreachable(self, error: httpx2.RequestError, what: str) -> Unreachable:
        url, source = self._address.shown, self._address.source
        if isinstance(error, httpx2.ProxyError):
            return Unreachable(f"the proxy between here and {url} refuses: {reason_of(error)}")
        if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
            return Unreachable(
                f"no service answers at {url} (from {source}): {reason_of(error)}\n"
                "Start one with `pretrain up`, or say where it is with --url or PRETRAIN_URL."
            )
        return NoAnswer(f"{url} (from {source}): {what}")


def media_type(response: httpx2.Response) -> str:
    content_type: str = response.headers.get("Content-Type", "")
    return content_type.partition(";")[0].strip().lower()


def authorization(token: str | None) -> dict[str, str]:
    """The header with the token; UsageError if no header can hold it."""
    if not token:
        return {}
    if not (token.isascii() and token.isprintable()):
        raise UsageError("PRETRAIN_TOKEN: a token has letters, digits and punctuation of ASCII only")
    return {"Authorization": f"Bearer {token}"}


def wrong_environment(error: Exception) -> str:
    """Why httpx2 can't start: it reads the proxies and the certificates that the environment names."""
    if isinstance(error, OSError):
        files = [f"{name}={os.environ.get(name, '')}" for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")]
        return f"{', '.join(files)}: {reason_of(error)}"
    proxies = [name for name in os.environ if name.lower().endswith("_proxy")]
    return f"a proxy must be an http:// or https:// URL (one of {', '.join(proxies)})"


def reason_of(error: BaseException) -> str:
    """Why a connection failed, in the words of the operating system if it has any."""
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
    """UsageError if JSON in UTF-8 can't hold `value`: arguments of a command need not be text in UTF-8, and
    numbers not finite."""
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


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
