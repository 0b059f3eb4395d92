"""A request's head, as the WSGI application is told of it (PEP 3333)."""

import re
import sys
from dataclasses import dataclass
from http import HTTPStatus
from typing import BinaryIO
from urllib.parse import unquote_to_bytes
from wsgiref.types import WSGIEnvironment

import h11
from werkzeug.wsgi import FileWrapper

from api.http.headers import choose_request_id
from api.http.problems import Refusal

TARGET = re.compile(rb"(?:https?://([^/?#]+))?(/[^?]*)?(?:\?(.*))?|\*", re.IGNORECASE)
"""A path, a whole URL, or the star of `OPTIONS *` (RFC 9112, section 3.2)."""

FILE_PIECE_BYTES = 256 * 1024

FRAMING = {"HTTP_TRANSFER_ENCODING", "HTTP_CONTENT_LENGTH", "HTTP_EXPECT", "HTTP_UPGRADE"}
"""What the server has settled before the application hears of a request."""


@dataclass(frozen=True)
class Asked:
    """A request without its body."""

    method: str
    path: str
    """Percent-encoding undone, each byte a character."""
    query: str
    http_version: str
    request_id: str
    headers: dict[str, str]
    """By their names in the environment."""

    @property
    def body_bytes(self) -> int | None:
        """Length of the body; None if only its end will tell."""
        if "HTTP_TRANSFER_ENCODING" in self.headers:
            return None
        return int(self.headers.get("HTTP_CONTENT_LENGTH", 0))


def read_head(request: h11.Request) -> Asked:
    """raises  Refusal (400) if the target is none"""
    target = TARGET.fullmatch(request.target)
    if not target or not (target[0] == b"*" or target[1] or target[2]):
        raise Refusal(HTTPStatus.BAD_REQUEST, "what is asked for must be a path, and begin with a slash")
    authority, path, query = target.groups()
    headers = join_headers(request)
    if authority is not None:
        headers["HTTP_HOST"] = authority.decode("ascii")
    headers["HTTP_X_REQUEST_ID"] = choose_request_id(headers.get("HTTP_X_REQUEST_ID", ""))
    return Asked(
        method=request.method.decode("ascii"),
        path="*" if target[0] == b"*" else unquote_to_bytes(path or b"/").decode("latin-1"),
        query=(query or b"").decode("ascii"),
        http_version=request.http_version.decode("ascii"),
        request_id=headers["HTTP_X_REQUEST_ID"],
        headers=headers,
    )


def join_headers(request: h11.Request) -> dict[str, str]:
    """Repeated fields become one. Names with an underscore are left out: another name's dash would read the
    same, and a proxy may have checked that one alone."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in request.headers:
        if b"_" in raw_name:
            continue
        name = "HTTP_" + raw_name.decode("ascii").upper().replace("-", "_")
        value = raw_value.decode("latin-1")
        separator = "; " if name == "HTTP_COOKIE" else ","
        headers[name] = f"{headers[name]}{separator}{value}" if name in headers else value
    return headers


class FilePieces(FileWrapper):
    """A file as an answer, in pieces that are worth handing over to the event loop."""

    def __init__(self, file: BinaryIO, _: int = 0) -> None:
        super().__init__(file, FILE_PIECE_BYTES)


def make_environ(
    asked: Asked, body: BinaryIO, length_bytes: int | None, client: tuple[str, int], server: tuple[str, int]
) -> WSGIEnvironment:
    """The environment that the application is called with.

    body            ends where the request's body ends
    length_bytes    of the body, if that is known
    client, server  addresses and ports of both ends of the connection
    """
    headers = {name: value for name, value in asked.headers.items() if name not in FRAMING}
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": asked.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": asked.path,
        "QUERY_STRING": asked.query,
        "SERVER_PROTOCOL": f"HTTP/{asked.http_version}",
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
        "wsgi.file_wrapper": FilePieces,
    }
    if length_bytes is None:
        environ["wsgi.input_terminated"] = True
    else:
        environ["CONTENT_LENGTH"] = str(length_bytes)
    return environ
