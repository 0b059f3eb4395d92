"""A request's head, parsed, and the WSGI environment that is made of it (PEP 3333)."""

import re
import sys
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import unquote_to_bytes
from wsgiref.types import WSGIEnvironment

import h11
from werkzeug.wsgi import FileWrapper

from api.http.headers import choose_request_id
from api.http.problems import bad_request

TARGET = re.compile(rb"(?:https?://([^/?#]+))?(/[^?]*)?(?:\?(.*))?|\*", re.IGNORECASE)
"""A path, a whole URL, or the asterisk of `OPTIONS *` (RFC 9112, section 3.2)."""

FILE_CHUNK_BYTES = 256 * 1024

CONNECTION_HEADERS = {"HTTP_TRANSFER_ENCODING", "HTTP_CONTENT_LENGTH", "HTTP_EXPECT", "HTTP_UPGRADE"}
"""The server's business; the application does not get them under these names."""


@dataclass(frozen=True)
class RequestHead:
    method: str
    path: str
    """Percent-decoded; each byte is a character, as PEP 3333 has it."""
    query: str
    http_version: str
    request_id: str
    headers: dict[str, str]
    """By their names in the WSGI environment."""

    @property
    def content_length(self) -> int | None:
        """Bytes of the body; None if it comes in chunks."""
        if "HTTP_TRANSFER_ENCODING" in self.headers:
            return None
        return int(self.headers.get("HTTP_CONTENT_LENGTH", 0))


def parse_head(request: h11.Request) -> RequestHead:
    """raises  HTTPProblem (400) for a malformed request target"""
    target = TARGET.fullmatch(request.target)
    if not target or not (target[0] == b"*" or target[1] or target[2]):
        raise bad_request("what is asked for must be a path, and begin with a slash")
    authority, path, query = target.groups()
    headers = join_headers(request)
    if authority is not None:
        headers["HTTP_HOST"] = authority.decode("ascii")
    headers["HTTP_X_REQUEST_ID"] = choose_request_id(headers.get("HTTP_X_REQUEST_ID", ""))
    return RequestHead(
        method=request.method.decode("ascii"),
        path="*" if target[0] == b"*" else unquote_to_bytes(path or b"/").decode("latin-1"),
        query=(query or b"").decode("ascii"),
        http_version=request.http_version.decode("ascii"),
        request_id=headers["HTTP_X_REQUEST_ID"],
        headers=headers,
    )


def join_headers(request: h11.Request) -> dict[str, str]:
    """The headers by WSGI name, repeated ones joined. Names with an underscore are left out: in WSGI they
    could not be told from those with a dash, which a proxy may have checked."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in request.headers:
        if b"_" in raw_name:
            continue
        name = "HTTP_" + raw_name.decode("ascii").upper().replace("-", "_")
        value = raw_value.decode("latin-1")
        separator = "; " if name == "HTTP_COOKIE" else ","
        headers[name] = f"{headers[name]}{separator}{value}" if name in headers else value
    return headers


class FileChunks(FileWrapper):
    """A file as a response body, in chunks that are large enough to be worth handing to the event loop."""

    def __init__(self, file: BinaryIO, _: int = 0) -> None:
        super().__init__(file, FILE_CHUNK_BYTES)


def make_environ(
    head: RequestHead,
    body: BinaryIO,
    content_length: int | None,
    client: tuple[str, int],
    server: tuple[str, int],
) -> WSGIEnvironment:
    """The environment that the application is called with.

    body            ends where the request's body ends
    content_length  bytes of the body, if that is known
    client, server  addresses and ports of both ends of the connection
    """
    headers = {name: value for name, value in head.headers.items() if name not in CONNECTION_HEADERS}
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": head.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": head.path,
        "QUERY_STRING": head.query,
        "SERVER_PROTOCOL": f"HTTP/{head.http_version}",
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "CONTENT_TYPE": headers.pop("HTTP_CONTENT_TYPE", ""),
        **headers,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": FileChunks,
    }
    if content_length is None:
        environ["wsgi.input_terminated"] = True
    else:
        environ["CONTENT_LENGTH"] = str(content_length)
    return environ
