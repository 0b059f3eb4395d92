"""Headers that every answer carries: the request's id, and what a browser must not do with the answer."""

import re
import secrets
from urllib.parse import urlsplit, urlunsplit

import structlog
from flask import Flask, Response, g, request

REQUEST_ID = "X-Request-ID"
SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")

SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-cache",
}


def register_headers(app: Flask) -> None:
    app.before_request(name_request)
    app.after_request(complete_headers)


def name_request() -> None:
    """Take over the caller's id if it is fit for a log, else make one; log lines carry it too."""
    g.request_id = choose_request_id(request.headers.get(REQUEST_ID, ""))
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def choose_request_id(given: str) -> str:
    """`given` if it is fit for a log, else a new one."""
    return given if SANE_REQUEST_ID.fullmatch(given) else secrets.token_hex(16)


def complete_headers(response: Response) -> Response:
    response.headers[REQUEST_ID] = g.request_id
    if response.location is not None:
        # Werkzeug's own redirects, such as from //jobs to /jobs, name the Host that was asked for.
        target = urlsplit(response.location)
        response.location = urlunsplit(("", "", target.path, target.query, ""))
    for name, value in SECURITY.items():
        response.headers.setdefault(name, value)
    return response
