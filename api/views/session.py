"""The session of a browser: sign in, sign out, and who is signed in."""

from http import HTTPStatus

from flask import Response, request
from flask_openapi import APIBlueprint, Tag
from pydantic import Field

from api.http.arguments import model_parser, parse_request
from api.http.guard import unauthorised
from api.http.problems import HTTPProblem, problem_responses
from api.http.scopes import Scope
from api.http.session_cookie import check_page_header, clear_session, presented_session, set_session
from api.records.record import json_response
from api.records.session import SessionRecord
from api.services import services
from api.wrong_tokens import TooManyWrongTokens
from jobs.store.sessions import create_session, end_session, find_session
from jobs.store.tables import Token
from jobs.store.tokens import BadToken, find_token, viewer_of
from jobs.store.viewers import Viewer, set_viewer, viewer
from jobs.validation.request_model import RequestModel
from model.config import Text

page_session = APIBlueprint(
    "session", __name__, abp_tags=[Tag(name="service")], abp_responses=problem_responses(422, 500, 503)
)


class SignIn(RequestModel):
    token: Text = Field(min_length=1, max_length=200)
    """The text of an access token, `pt_...`."""


@page_session.post("/session", responses={201: SessionRecord, **problem_responses(400, 401, 413, 415, 429)})
@parse_request(Scope.PUBLIC, body=model_parser(SignIn))
def sign_in(body: SignIn) -> Response:
    """Sign in in a browser
    The response sets a cookie that allows what the token does, until it expires, the token ends, or
    `DELETE /session`. With it, requests that change something need the header `X-Requested-With: pretrain`.
    Whoever sends the token itself needs no session.
    """
    former = presented_session()
    try:
        with services().wrong_tokens.attempt(request.remote_addr), services().database.write() as session:
            token = find_token(session, body.token)
            set_viewer(viewer_of(token))
            made, secret = create_session(session, token, services().settings.session_s)
            if former is not None:
                end_session(session, former)
    except BadToken as error:
        raise unauthorised(str(error)) from error
    except TooManyWrongTokens as refused:
        raise HTTPProblem(
            HTTPStatus.TOO_MANY_REQUESTS, str(refused), retry_after_s=refused.wait_s
        ) from refused
    services().tokens.forget()
    response = json_response(session_record(viewer_of(token), made.expires_at), HTTPStatus.CREATED)
    set_session(response, secret, made.expires_at - made.created_at)
    return response


@page_session.get("/session", responses={200: SessionRecord, **problem_responses(401)})
@parse_request(Scope.READ)
def show_session() -> Response:
    """Show who is signed in
    Or whose token the request has. 401 if it has neither and the service needs one; on a service without
    tokens everybody may do everything, under no name.
    """
    return json_response(session_record(viewer(), expiry(viewer())))


@page_session.delete("/session", responses={204: None, **problem_responses(403)})
@parse_request(Scope.PUBLIC)
def sign_out() -> Response:
    """Sign out
    The session ends at once, and the browser forgets its cookie. Without a session nothing changes.
    """
    secret = presented_session()
    if secret is not None:
        check_page_header()
        with services().database.write() as session:
            if (token := end_session(session, secret)) is not None:
                set_viewer(viewer_of(token))
        services().tokens.forget()
    response = Response(status=HTTPStatus.NO_CONTENT)
    clear_session(response)
    return response


def session_record(asking: Viewer, expires_at: float | None) -> SessionRecord:
    return SessionRecord(
        name=asking.token_name, owner=asking.owner, scopes=asking.right.scopes, expires_at=expires_at
    )


def expiry(asking: Viewer) -> float | None:
    """Of the session, or of the token where that is what the request has; None: never.

    raises  HTTPProblem (401) if the session has ended just now
    """
    if asking.token_id is None:
        return None
    secret = presented_session()
    with services().database.read() as session:
        if secret is None or "Authorization" in request.headers:
            return session.get_one(Token, asking.token_id).expires_at
        try:
            return find_session(session, secret)[0].expires_at
        except BadToken as error:
            raise unauthorised(str(error)) from error
