"""Long JSON answers are sent compressed (RFC 9110, section 8.4) to whoever takes them so, as browsers do.

What a page asks for first, the jobs and a curve's points, is JSON of several hundred kilobytes, of which a
quarter or less is left. Streams are not touched, whose events must not wait, nor files, which are sent from
disk by ranges.
"""

import zlib
from http import HTTPStatus

from flask import Flask, Response, request

LEAST_BYTES = 4096
"""Below this a packet or two are saved, which is not worth the processor's time."""

LEVEL = 1
"""4 ms for 2,000 losses, 660 kB, of which 172 are left; the usual 6 takes 14 ms and leaves 142."""

GZIP_WINDOW_BITS = 16 + zlib.MAX_WBITS
"""With gzip's head and checksum (zlib's `deflateInit2`)."""


def register_compression(app: Flask) -> None:
    """What is registered before is run after it, and sees the compressed response."""
    app.after_request(compress)


def compress(response: Response) -> Response:
    # A 304 says what its 200 would, and does not know how long that would be.
    is_tagged = request.method == "GET" and "ETag" in response.headers
    if is_tagged or is_compressible(response):
        response.vary.add("Accept-Encoding")
    if is_compressible(response) and request.accept_encodings.quality("gzip") > 0:
        compressor = zlib.compressobj(LEVEL, wbits=GZIP_WINDOW_BITS)
        response.set_data(compressor.compress(response.get_data()) + compressor.flush())
        response.headers["Content-Encoding"] = "gzip"
        tag, is_weak = response.get_etag()
        if tag is not None and not is_weak:  # a strong one names bytes, and these are others
            response.set_etag(tag, weak=True)
    return response


def is_compressible(response: Response) -> bool:
    return (
        request.method == "GET"
        and response.status_code == HTTPStatus.OK
        and response.mimetype == "application/json"
        and not response.is_streamed
        and not response.direct_passthrough
        and "Content-Encoding" not in response.headers
        and (response.content_length or 0) >= LEAST_BYTES
    )
