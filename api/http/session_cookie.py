"""The cookie of a browser in which somebody has signed in, and what else its requests must have.

A browser sends cookies by itself, whichever page makes the request. So one that changes something must have a
header besides, which a page of another origin could only send if this service agreed, and it never does
(CORS). `SameSite` alone would let pages of this machine's other ports through, and the check of `Origin`
(`api.http.access`) relies on the browser's sending it.
"""

from http import HTTPStatus

from flask import Response, request

from api.http.problems import HTTPProblem

NAME = "pretrain-session"
HOST_PREFIX = "__Host-"
"""Browsers take a cookie of such a name over TLS alone, from this very host and for all of its paths."""
PAGE_HEADER = "X-Requested-With"
PAGE = "pretrain"
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


def presented_session() -> str | None:
    """What the request's cookie holds; None if it has none."""
    return request.cookies.get(cookie_name()) or None


def cookie_name() -> str:
    return f"{HOST_PREFIX}{NAME}" if request.is_secure and not request.script_root else NAME


def set_session(response: Response, secret: str, lifetime_s: float) -> None:
    """Have the browser present this from now on, to this service alone and for so long."""
    response.set_cookie(
        cookie_name(),
        secret,
        max_age=round(lifetime_s),
        path=cookie_path(),
        secure=request.is_secure,
        httponly=True,
        samesite="Strict",
    )


def clear_session(response: Response) -> None:
    """Have the browser forget what it presents."""
    response.delete_cookie(
        cookie_name(), path=cookie_path(), secure=request.is_secure, httponly=True, samesite="Strict"
    )


def cookie_path() -> str:
    """The prefix at which a proxy has the service."""
    return request.script_root or "/"


def check_page_header() -> None:
    """Of a request whose cookie says who asks. raises  HTTPProblem (403)"""
    if request.method in SAFE_METHODS or request.headers.get(PAGE_HEADER) == PAGE:
        return
    raise HTTPProblem(
        HTTPStatus.FORBIDDEN,
        f"{request.method} with a session's cookie needs the header `{PAGE_HEADER}: {PAGE}`, which pages of "
        "other origins can't send",
    )
