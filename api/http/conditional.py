"""Conditional requests (RFC 9110, section 13): a client that has an answer already is told so, with 304, and
one that would change something else than it has seen, with 412.

The tags are weak: they say that nothing of what was read has changed, not that every byte is the same.
"""

from collections.abc import Callable
from hashlib import sha256
from http import HTTPStatus
from importlib.metadata import version

from flask import Response, request

from api.http.problems import HTTPProblem

SERVICE = version("pretrain")
"""Another version of the service may show the same rows otherwise."""


def etag_of(*parts: str | int) -> str:
    """The entity tag, without its quotes, of an answer that follows from these parts."""
    return sha256("\n".join([SERVICE, *map(str, parts)]).encode()).hexdigest()[:32]


def client_has(etag: str) -> bool:
    """Whether `If-None-Match` says that the client has the answer with that tag."""
    return request.if_none_match.contains_weak(etag)


def require_match(find_etag: Callable[[], str]) -> None:
    """To be called in the transaction that changes something, before it does. Without `If-Match` nothing is
    required.

    find_etag  the tag of what is there now
    raises     HTTPProblem (412)

    The RFC has weak tags never match here, since a part of the answer may change without them. Ours change
    with whatever an answer follows from, and a proxy that compresses makes every tag a weak one.
    """
    if "If-Match" in request.headers and not request.if_match.contains_weak(etag := find_etag()):
        raise HTTPProblem(
            HTTPStatus.PRECONDITION_FAILED,
            f'it has changed since If-Match was read: its ETag is W/"{etag}" now. Read it again',
        )


def not_modified(etag: str) -> Response:
    """A 304: the client's copy is as good as what it would be sent."""
    response = Response(status=HTTPStatus.NOT_MODIFIED)
    del response.headers["Content-Type"]
    response.set_etag(etag, weak=True)
    return response


def tagged(response: Response, etag: str) -> Response:
    """The response with its tag; without its body if the client has that already."""
    if client_has(etag):
        return not_modified(etag)
    response.set_etag(etag, weak=True)
    return response
