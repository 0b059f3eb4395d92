"""What the server refuses by itself, before the application hears of it."""

from http import HTTPStatus

import h11

from api.http.problems import Refusal, unavailable
from api.server.limits import Limits


def check_head(request: h11.Request, limits: Limits) -> None:
    """raises  Refusal if the request can't be answered, whatever it asks for"""
    # h11 bounds heads that arrive in pieces; one that arrives whole may be longer.
    line_bytes = len(request.method) + len(request.target) + len(b"  HTTP/1.1")
    if line_bytes > limits.request_line_bytes:
        raise line_too_long(limits)
    fields_bytes = sum(len(name) + len(value) + len(b": \r\n") for name, value in request.headers)
    if line_bytes + fields_bytes > limits.head_bytes or len(request.headers) > limits.header_fields:
        raise head_too_large(limits)
    if request.http_version not in (b"1.0", b"1.1"):
        version = request.http_version.decode("ascii")
        raise Refusal(
            HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, f"HTTP/{version} is not spoken here; use HTTP/1.1"
        )
    names = {name for name, _ in request.headers}
    if {b"content-length", b"transfer-encoding"} <= names:
        raise bad("Content-Length and Transfer-Encoding contradict each other; send one of them")
    for name, value in request.headers:
        if name == b"expect" and value.lower() != b"100-continue":
            raise Refusal(HTTPStatus.EXPECTATION_FAILED, "Expect can only be 100-continue")


def bad(detail: str) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, detail)


def line_too_long(limits: Limits) -> Refusal:
    return Refusal(
        HTTPStatus.REQUEST_URI_TOO_LONG,
        f"the request's first line is longer than {limits.request_line_bytes:,} bytes; put what is long "
        "into the body of a POST",
    )


def head_too_large(limits: Limits) -> Refusal:
    return Refusal(
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        f"the request's head has more than {limits.head_bytes:,} bytes or {limits.header_fields} fields",
    )


def body_too_large(limits: Limits) -> Refusal:
    return Refusal(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"the body is longer than the limit of {limits.body_bytes:,} bytes",
    )


def too_slow(part: str) -> Refusal:
    return Refusal(HTTPStatus.REQUEST_TIMEOUT, f"the rest of the request's {part} did not come in time")


def stopping() -> Refusal:
    return unavailable("the service is stopping")


def reason_of(error: h11.RemoteProtocolError) -> str:
    """h11's reason, without the bytes that it quotes."""
    return str(error).partition(": bytearray(")[0]
