"""Problems for which the server itself rejects a request, without calling the application."""

from http import HTTPStatus

import h11

from api.http.error_bodies import error_body
from api.http.headers import REQUEST_ID_HEADER, SECURITY_HEADERS
from api.http.problems import HTTPProblem, bad_request, unavailable
from api.server.cycle import ResponseHead
from api.server.limits import Limits

CONNECTION_CLOSE = ("Connection", "close")


def rejection(problem: HTTPProblem, path: str, request_id: str) -> tuple[ResponseHead, bytes]:
    """Head and body of the response, as the application would make them, after which the connection closes.

    path  of the request, percent-decoded
    """
    body = error_body(problem, path)
    headers = [
        *problem.headers.items(),
        ("Content-Type", body.media_type),
        ("Content-Length", str(len(body.content))),
        (REQUEST_ID_HEADER, request_id),
        *SECURITY_HEADERS.items(),
        CONNECTION_CLOSE,
    ]
    return ResponseHead(body.status, body.status.phrase, headers), body.content


def check_head(request: h11.Request, limits: Limits) -> None:
    """raises  HTTPProblem if the request can't be served, whatever it asks for"""
    # h11 bounds heads that arrive in pieces; one that arrives whole may be longer.
    line_bytes = len(request.method) + len(request.target) + len(b"  HTTP/1.1")
    if line_bytes > limits.request_line_bytes:
        raise request_line_too_long(limits)
    fields_bytes = sum(len(name) + len(value) + len(b": \r\n") for name, value in request.headers)
    if line_bytes + fields_bytes > limits.head_bytes or len(request.headers) > limits.header_fields:
        raise head_too_large(limits)
    if request.http_version not in (b"1.0", b"1.1"):
        version = request.http_version.decode("ascii")
        raise HTTPProblem(
            HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, f"HTTP/{version} is not spoken here; use HTTP/1.1"
        )
    names = {name for name, _ in request.headers}
    if {b"content-length", b"transfer-encoding"} <= names:
        raise bad_request("Content-Length and Transfer-Encoding contradict each other; send one of them")
    for name, value in request.headers:
        if name == b"expect" and value.lower() != b"100-continue":
            raise HTTPProblem(HTTPStatus.EXPECTATION_FAILED, "Expect can only be 100-continue")


def not_http(error: h11.RemoteProtocolError) -> HTTPProblem:
    return HTTPProblem(
        HTTPStatus(error.error_status_hint), f"the request is not HTTP/1.1: {reason_of(error)}"
    )


def malformed_chunks(error: h11.RemoteProtocolError) -> HTTPProblem:
    return bad_request(f"the body's chunks are malformed: {reason_of(error)}")


def incomplete_head() -> HTTPProblem:
    return bad_request("the request ends in the middle of its head")


def incomplete_body() -> HTTPProblem:
    return bad_request("the body is shorter than its head says, or its last chunk is missing")


def request_line_too_long(limits: Limits) -> HTTPProblem:
    return HTTPProblem(
        HTTPStatus.REQUEST_URI_TOO_LONG,
        f"the request's first line is longer than {limits.request_line_bytes:,} bytes; put what is long "
        "into the body of a POST",
    )


def head_too_large(limits: Limits) -> HTTPProblem:
    return HTTPProblem(
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        f"the request's head has more than {limits.head_bytes:,} bytes or {limits.header_fields} fields",
    )


def body_too_large(limits: Limits) -> HTTPProblem:
    return HTTPProblem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"the body is longer than the limit of {limits.body_bytes:,} bytes",
    )


def timeout(part: str) -> HTTPProblem:
    return HTTPProblem(HTTPStatus.REQUEST_TIMEOUT, f"the rest of the request's {part} did not come in time")


def stopping() -> HTTPProblem:
    return unavailable("the service is stopping")


def reason_of(error: h11.RemoteProtocolError) -> str:
    """h11's reason, without the bytes that it quotes."""
    return str(error).partition(": bytearray(")[0]
