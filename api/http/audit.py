"""The audit: whatever a request changes is recorded, with who asked. No view has to do anything for it.

The entry is written in the transaction that changes something (`jobs.store.audit`), with the status that the
route declares. Where the answer has another one, which is rare, the entry is corrected afterwards.
"""

import logging
from contextlib import ExitStack
from typing import Any

from flask import Flask, Response, current_app, g, request
from sqlalchemy.exc import SQLAlchemyError

from api.http.openapi import PATH_VARIABLE
from api.http.scopes import Scope, scope_of
from api.http.session_cookie import SAFE_METHODS
from api.services import services
from jobs.store.audit import Audited, audited, correct_status

log = logging.getLogger(__name__)


def register_audit(app: Flask) -> None:
    """Behind the guard, which knows who asks."""
    app.before_request(begin)
    app.after_request(correct)
    app.teardown_request(end)


def begin() -> None:
    rule = request.url_rule
    if rule is None or request.endpoint is None or request.method in SAFE_METHODS:
        return
    if scope_of(current_app.view_functions[request.endpoint]) is Scope.READ:
        return  # it computes, and stores nothing
    g.audited = Audited(
        f"{request.method} {rule.rule}",
        [str(value)[:200] for value in (request.view_args or {}).values()],
        g.request_id,
        success_status(rule.rule, request.method),
    )
    g.audit = ExitStack()
    g.audit.enter_context(audited(g.audited))


def success_status(rule: str, method: str) -> int | None:
    """With which the route says that it answers; of several the greatest, such as 201 beside 200."""
    document: dict[str, Any] = current_app.api_doc  # type: ignore[attr-defined]
    operation = document["paths"].get(PATH_VARIABLE.sub(r"{\1}", rule), {}).get(method.lower(), {})
    statuses = [int(status) for status in operation.get("responses", {}) if status.startswith("2")]
    return max(statuses, default=None)


def correct(response: Response) -> Response:
    what: Audited | None = g.get("audited")
    stop_recording()
    if what is None or what.entry is None or what.status == response.status_code:
        return response
    try:
        correct_status(services().database, what, response.status_code)
    except SQLAlchemyError as error:  # what was done is recorded, and its answer must not be lost
        log.error(
            "the audit's entry %s says %s, not %s: %s",
            what.entry,
            what.status,
            response.status_code,
            error,
        )
    return response


def end(_: BaseException | None) -> None:
    stop_recording()


def stop_recording() -> None:
    if "audit" in g:
        g.pop("audit").close()
