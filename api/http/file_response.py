"""Files as responses: streamed from disk, whole or by ranges (RFC 9110, section 14)."""

from http import HTTPStatus
from typing import BinaryIO

from flask import Response, request
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.wsgi import FileWrapper

from api.http.problems import HTTPProblem
from jobs.validation.quoting import quoted

CHUNK_BYTES = 256 * 1024


def file_response(
    file: BinaryIO, size_bytes: int, *, sha256: str, download_name: str, content_type: str
) -> Response:
    """An attachment with the bytes of `file`, which is closed when the response has been sent.

    It obeys `Range`, `If-Range`, `If-None-Match` and `If-Match`; the ETag is the content's sha256.
    raises  HTTPProblem: 416 for a range that the file does not have, 412 if `If-Match` names another content
    """
    response = Response(FileWrapper(file, CHUNK_BYTES), content_type=content_type, direct_passthrough=True)
    response.content_length = size_bytes
    response.set_etag(sha256)
    response.headers.set("Content-Disposition", "attachment", filename=download_name)
    ranged_bytes = size_bytes if asks_for_one_range() else None
    try:
        response.make_conditional(request.environ, accept_ranges=True, complete_length=ranged_bytes)
    except RequestedRangeNotSatisfiable as error:
        response.close()
        raise not_satisfiable(size_bytes) from error
    if response.status_code == HTTPStatus.PRECONDITION_FAILED:
        response.close()
        raise HTTPProblem(
            HTTPStatus.PRECONDITION_FAILED,
            f'If-Match: {quoted(request.headers["If-Match"])} is not what there is; its ETag is "{sha256}"',
        )
    return response


def asks_for_one_range() -> bool:
    """Whether a range is to be answered with. With HEAD there is none; several at once, which would want a
    multipart body, and other units than bytes may be ignored (RFC 9110, section 14.2)."""
    header = request.headers.get("Range", "")
    return request.method == "GET" and header.strip().lower().startswith("bytes") and "," not in header


def not_satisfiable(size_bytes: int) -> HTTPProblem:
    """A 416."""
    problem = HTTPProblem(
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
        f"Range: {quoted(request.headers['Range'])} is no range of the {size_bytes:,} bytes that there are; "
        "bytes=FIRST-LAST would be",
    )
    problem.headers["Content-Range"] = f"bytes */{size_bytes}"
    return problem
