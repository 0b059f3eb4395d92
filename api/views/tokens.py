"""Access tokens: make, list, revoke."""

from http import HTTPStatus
from typing import Literal

from flask import Response
from flask_openapi import APIBlueprint, Tag
from pydantic import Field

from api.http.arguments import model_parser, parse_request
from api.http.problems import invalid_fields, problem_responses
from api.http.scopes import Scope
from api.records.record import Listing, json_response, list_response
from api.records.tokens import NewTokenRecord, TokenRecord, new_token_record, token_record
from api.services import services
from jobs.spec.job_spec import Label
from jobs.store.tokens import admin_token_exists, create_token, list_tokens, revoke_token
from jobs.store.viewers import Right
from jobs.validation.field_errors import FieldError
from jobs.validation.request_model import RequestModel
from model.config import Text

MAX_LIFETIME_S = 100 * 366 * 24 * 3600

tokens = APIBlueprint(
    "tokens", __name__, abp_tags=[Tag(name="service")], abp_responses=problem_responses(422, 500, 503)
)


class TokenRequest(RequestModel):
    name: Label
    """A name of your choice, such as of who or what uses it."""

    scopes: list[Literal["read", "write", "admin"]] = Field(["read", "write"], min_length=1, max_length=3)
    """What it allows: `read` to see and to generate, `write` to post, change and delete, `admin` to see and
    change what is others', and to make tokens. Each has those before it. Default: read and write."""

    owner: Label | None = None
    """Whose the things are that it makes, which all tokens of that owner see and change. Default: its
    name."""

    expires_in_s: float | None = Field(None, gt=0, le=MAX_LIFETIME_S)
    """Seconds from now. Default: null, never."""


class TokenPath(RequestModel):
    token_id: Text = Field(min_length=1, max_length=200)
    """The token's id."""


@tokens.post("/tokens", responses={201: NewTokenRecord, **problem_responses(400, 413, 415)})
@parse_request(Scope.ADMIN, body=model_parser(TokenRequest))
def post_token(body: TokenRequest) -> Response:
    """Make an access token
    The response has its text, which is shown this once. From the first token on every request needs one, so
    the first has the scope `admin`.
    """
    right = max(Right[scope.upper()] for scope in body.scopes)
    with services().database.write() as session:
        if right is not Right.ADMIN and not admin_token_exists(session):
            message = "must have admin: no administrator's token can be used, so this one would shut all out"
            raise invalid_fields([FieldError("scopes", message, body.scopes)])
        token, text = create_token(session, body.name, right, body.owner, body.expires_in_s)
    services().tokens.forget()
    return json_response(new_token_record(token, text), HTTPStatus.CREATED)


@tokens.get("/tokens", responses={200: Listing[TokenRecord]})
@parse_request(Scope.ADMIN)
def show_tokens() -> Response:
    """List the access tokens, the oldest first
    Those that have expired or been revoked stay in the list.
    """
    with services().database.read() as session:
        return list_response(list(map(token_record, list_tokens(session))))


@tokens.delete("/tokens/<token_id>", responses={204: None, **problem_responses(404)})
@parse_request(Scope.ADMIN)
def remove_token(path: TokenPath) -> Response:
    """Revoke an access token
    For good, and at once. Repeating the request changes nothing.
    """
    with services().database.write() as session:
        revoke_token(session, path.token_id)
    services().tokens.forget()
    return Response(status=HTTPStatus.NO_CONTENT)
