"""Headers of every response: the request's id, and what a browser must not do with the response."""

import re
import secrets
from urllib.parse import urlsplit, urlunsplit

import structlog
from flask import Flask, Response, g, request

REQUEST_ID_HEADER = "X-Request-ID"
VALID_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-cache",
}


def register_headers(app: Flask) -> None:
    app.before_request(set_request_id)
    app.after_request(add_headers)


def set_request_id() -> None:
    """Give the request the client's id, or a new one, which log lines then have too."""
    g.request_id = choose_request_id(request.headers.get(REQUEST_ID_HEADER, ""))
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def choose_request_id(given: str) -> str:
    """The client's id if it is fit for a log, else a new one."""
    return given if VALID_REQUEST_ID.fullmatch(given) else secrets.token_hex(16)


def add_headers(response: Response) -> Response:
    response.headers[REQUEST_ID_HEADER] = g.request_id
    if response.location is not None:
        # Werkzeug's own redirects, such as from //jobs to /jobs, are absolute, with the Host of the request.
        target = urlsplit(response.location)
        response.location = urlunsplit(("", "", target.path, target.query, ""))
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    return response
