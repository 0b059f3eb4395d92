"""`Idempotency-Key`: a request that is repeated, because its answer was lost on the way, is done once.

The key may be anything of up to 255 visible ASCII characters that its owner has not used within a day. What
has failed has stored nothing, so its key is free, and the request is tried again.
"""

import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import flask
from flask import g, request
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from api.http.problems import invalid_fields
from api.services import services
from jobs.store.idempotency import (
    AlreadyAnswered,
    IdempotencyKey,
    check_request,
    find_answer,
    keep_answer,
    key_id,
)
from jobs.store.tables import IdempotentAnswer
from jobs.store.viewers import viewer
from jobs.validation.field_errors import FieldError

HEADER = "Idempotency-Key"
REPLAYED_HEADER = "Idempotent-Replayed"
VALID_KEY = re.compile(r"[!-~]{1,255}")


def answer_once(view: Callable[[], Response], content: Callable[[], Any]) -> Response:
    """What the view answers, or has answered the first request with this key.

    content  what tells the body from others, as JSON: the same is the same request, however it is written. Of
             a body that arrives as a stream, `content` reads whatever the view has left of it
    raises   KeyReused
    """
    g.idempotency_key = None
    given = key_of_request()
    if given is None:
        return view()
    owner = owner_of_request()
    g.idempotency_key = make_key = cache(lambda: IdempotencyKey(owner, given, request_content(content())))
    with services().database.read() as session:
        answer = find_answer(session, key_id(owner, given))
    if answer is None:
        try:
            return view()
        except AlreadyAnswered:
            with services().database.read() as session:
                answer = find_answer(session, key_id(owner, given))
            if answer is None:
                raise
    check_request(answer, make_key())
    return replay(answer)


def request_content(body: Any) -> str:
    """What a key is for, canonically."""
    asked = [request.method, request.path, sorted(request.args.items(multi=True)), body]
    return json.dumps(asked, sort_keys=True)


def replay(answer: IdempotentAnswer) -> Response:
    response = flask.Response(answer.body, answer.status, content_type="application/json")
    response.headers[REPLAYED_HEADER] = "true"
    if answer.location is not None:
        response.headers["Location"] = answer.location
    return response


class Answer:
    """What a view answers about what it has stored.

    render  makes it of what is stored
    """

    def __init__(self, render: Callable[..., flask.Response]) -> None:
        self._render = render
        self._make_key: Callable[[], IdempotencyKey] | None = g.get("idempotency_key")
        self._kept: flask.Response | None = None

    def keep(self, session: Session, *stored: Any) -> None:
        """For whoever stores what the request asks for, to call at the end of that transaction with its
        session and what is stored: keeps the answer, if the request has a key.

        raises  AlreadyAnswered
        """
        if self._make_key is not None:
            self._kept = response = self._render(*stored)
            body = response.get_data(as_text=True)
            keep_answer(session, self._make_key(), response.status_code, response.location, body)

    def about(self, *stored: Any) -> flask.Response:
        """The answer for the client, the one that is kept if one is. Without a key it is rendered only now,
        when the transaction has ended: others wait for it."""
        return self._render(*stored) if self._kept is None else self._kept


def has_key() -> bool:
    """Whether the request has one, be it right or wrong."""
    return HEADER in request.headers


def key_of_request() -> str | None:
    """raises  HTTPProblem (422) if the header can be no key"""
    given = request.headers.get(HEADER)
    if given is not None and not VALID_KEY.fullmatch(given):
        message = "must be 1 to 255 visible ASCII characters, such as a UUID"
        raise invalid_fields([FieldError(HEADER, message, given)])
    return given


def owner_of_request() -> str | None:
    """Who asks; None where nobody needs a token."""
    return viewer().owner
