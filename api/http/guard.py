"""Who may ask: every request is held against the scope of its route here, before anything of it is read."""

import re
from http import HTTPStatus

from flask import Flask, current_app, request

from api.http.problems import HTTPProblem
from api.http.quotas import hold_to_quotas
from api.http.scopes import Scope, scope_of
from api.http.session_cookie import check_page_header, presented_session
from api.services import services
from jobs.store.credentials import Credential
from jobs.store.tokens import BadToken, secret_hash
from jobs.store.viewers import EVERYBODY, Viewer, set_viewer, viewer

SCHEME = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +(?P<token>[^ ]+) *")
HINT = (
    "Send one as `Authorization: Bearer TOKEN`; the command line takes it from PRETRAIN_TOKEN. "
    "An administrator makes one with `pretrain token create`"
)


def register_guard(app: Flask) -> None:
    app.before_request(authorise)


def authorise() -> None:
    """Let a request pass that its route's scope allows, on behalf of whoever asks.

    raises  HTTPProblem: 401 for a token that is missing, malformed, unknown, expired or revoked, or a session
            that has ended; 403 for one without the scope, or without the page's header; 429 for one that asks
            for too much. DBAPIError
    """
    if request.endpoint is None:  # there is no such route, which everybody may know
        return
    scope = scope_of(current_app.view_functions[request.endpoint])
    needed = scope.right
    if needed is None:
        set_viewer(EVERYBODY)  # the thread may have answered somebody before
        return
    asking = identify()
    hold_to_quotas(asking.token_id)
    if asking.right < needed:
        raise forbidden(scope, asking)
    set_viewer(asking)


def identify() -> Viewer:
    """By the token of the request, else by the session of its cookie.

    raises  HTTPProblem: 401; 403 as `check_page_header`. DBAPIError
    """
    tokens = services().tokens
    if not tokens.needs_token():
        return tokens.identify(None)
    try:
        token, session = presented_token(), presented_session()
        if token is not None or session is None:
            return tokens.identify(token)
        asking = tokens.identify_session(session)
    except BadToken as error:
        raise unauthorised(str(error)) from error
    check_page_header()
    return asking


def accepted_credential() -> Credential:
    """What the request that is being answered was let in by."""
    token_id = viewer().token_id
    by_session = token_id is not None and presented_token() is None
    secret = presented_session() if by_session else None
    return Credential(token_id, None if secret is None else secret_hash(secret))


def presented_token() -> str | None:
    """The request's token; None if it has none. raises  BadToken for a header that is none with a token"""
    header = request.headers.get("Authorization")
    if header is None:
        return None
    match = SCHEME.fullmatch(header)
    if match is None:
        raise BadToken("Authorization is malformed: it must be `Bearer TOKEN`")
    return match["token"]


def unauthorised(reason: str) -> HTTPProblem:
    """A 401. Nothing of the token is quoted."""
    problem = HTTPProblem(HTTPStatus.UNAUTHORIZED, f"{reason}. {HINT}")
    # RFC 6750, section 3: no error code for a request that presents no token at all.
    error = ', error="invalid_token"' if "Authorization" in request.headers else ""
    problem.headers["WWW-Authenticate"] = f'Bearer realm="pretrain"{error}'
    return problem


def forbidden(scope: Scope, asking: Viewer) -> HTTPProblem:
    """A 403."""
    has = ", ".join(asking.right.scopes)
    problem = HTTPProblem(
        HTTPStatus.FORBIDDEN, f"this needs a token with the scope {scope}; the request's has {has}"
    )
    problem.headers["WWW-Authenticate"] = (
        f'Bearer realm="pretrain", error="insufficient_scope", scope="{scope}"'
    )
    return problem
