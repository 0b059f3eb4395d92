"""An access token as the API shows it."""

from typing import Literal

from api.records.record import Record, Time, from_row
from jobs.store.tables import Token
from jobs.store.viewers import Right


class TokenRecord(Record):
    """An access token, without its text."""

    id: str
    object: Literal["token"] = "token"
    name: str
    owner: str
    """Whose the jobs, data sets, tokenizers and models are that it makes."""
    scopes: list[str]
    """What it allows: `read`, `write` and `admin`, each of which has those before it."""
    created_at: Time
    expires_at: Time | None
    """Null: never."""
    revoked_at: Time | None
    last_used_at: Time | None
    """To the minute."""


class NewTokenRecord(TokenRecord):
    """An access token that has just been made."""

    token: str
    """Its text, for `Authorization: Bearer`. It is shown this once."""


def token_record(token: Token) -> TokenRecord:
    return from_row(TokenRecord, token, scopes=Right[token.scope.upper()].scopes)


def new_token_record(token: Token, text: str) -> NewTokenRecord:
    return NewTokenRecord(**dict(token_record(token)), token=text)
