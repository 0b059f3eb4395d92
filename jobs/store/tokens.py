"""Access tokens: made, found by what a request presents, listed and revoked.

A token's text is `pt_<id>_<secret>`. The row is found by the id; of the secret it holds a SHA-256 alone,
which is compared in constant time. A plain hash is enough: nobody can guess 256 random bits, however
fast it is.
"""

import hashlib
import hmac
import re
import secrets

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from jobs.store.database import lock_name, now_s
from jobs.store.ids import new_id
from jobs.store.lookup import NotFound
from jobs.store.tables import Token
from jobs.store.viewers import Right, Viewer
from jobs.validation.quoting import quoted

KIND = "token"
SECRET_BYTES = 32
TOKEN = re.compile(r"pt_(?P<id>[0-9a-f]{16})_(?P<secret>[A-Za-z0-9_-]{43})")
EXAMPLE = "pt_ID_SECRET"
USE_RECORDED_EVERY_S = 60
FIRST_TOKEN_NAME = "admin"


class BadToken(Exception):
    """A token that allows nothing; the message says why."""


def create_token(
    session: Session, name: str, right: Right, owner: str | None = None, lifetime_s: float | None = None
) -> tuple[Token, str]:
    """Store a new token; returns its row, and its text, which nothing can tell again.

    owner       whose the things are that it makes. Default: `name`
    lifetime_s  None: until it is revoked
    """
    secret = secrets.token_urlsafe(SECRET_BYTES)
    token = Token(
        id=new_id(KIND),
        name=name,
        owner=name if owner is None else owner,
        scope=right.scope,
        sha256=secret_hash(secret),
        created_at=now_s(),
        expires_at=None if lifetime_s is None else now_s() + lifetime_s,
    )
    session.add(token)
    session.flush()
    session.refresh(token)
    return token, f"pt_{token.id.removeprefix(f'{KIND}-')}_{secret}"


def create_first_token(session: Session) -> tuple[Token, str] | None:
    """An administrator's token if there has never been one; else None."""
    lock_name(session, "first token")  # several processes may start at once
    return None if tokens_exist(session) else create_token(session, FIRST_TOKEN_NAME, Right.ADMIN)


def secret_hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def find_token(session: Session, text: str) -> Token:
    """The row of a token that may be used. raises  BadToken"""
    match = TOKEN.fullmatch(text)
    if match is None:
        raise BadToken(f"the token is malformed: a token is like {EXAMPLE}")
    is_expired = (Token.expires_at <= now_s()).label("is_expired")
    row = session.execute(select(Token, is_expired).where(Token.id == f"{KIND}-{match['id']}")).first()
    stored = secret_hash("") if row is None else row.Token.sha256
    if not hmac.compare_digest(stored, secret_hash(match["secret"])) or row is None:
        raise BadToken("there is no such token")
    if row.Token.revoked_at is not None:
        raise BadToken(f"the token {row.Token.id} has been revoked")
    if row.is_expired:
        raise BadToken(f"the token {row.Token.id} has expired")
    token: Token = row.Token
    return token


def viewer_of(token: Token) -> Viewer:
    return Viewer(Right[token.scope.upper()], token.owner, token.id, token.name)


def tokens_exist(session: Session) -> bool:
    """Whether there has ever been a token: from then on every request needs one."""
    return session.scalar(select(Token.id).limit(1)) is not None


def admin_token_exists(session: Session) -> bool:
    """Whether there is one by which tokens can be made over HTTP."""
    is_admin = Token.scope == Right.ADMIN.scope
    return session.scalar(select(Token.id).where(is_admin, is_usable()).limit(1)) is not None


def is_usable() -> ColumnElement[bool]:
    """Whether a token has neither been revoked nor expired."""
    return and_(Token.revoked_at.is_(None), or_(Token.expires_at.is_(None), Token.expires_at > now_s()))


def list_tokens(session: Session) -> list[Token]:
    """Oldest first, those that have expired or been revoked too."""
    return list(session.scalars(select(Token).order_by(Token.created_at, Token.id)))


def revoke_token(session: Session, token_id: str) -> None:
    """End a token for good. Its row stays, so that one can tell later whose it was; a repeat changes nothing.

    raises  NotFound
    """
    is_it = Token.id == token_id
    session.execute(update(Token).where(is_it, Token.revoked_at.is_(None)).values(revoked_at=now_s()))
    if session.scalar(select(Token.id).where(is_it)) is None:
        raise NotFound(f"no token {quoted(token_id)}")


def record_use(session: Session, token_id: str) -> None:
    """That a token has been used just now, to the minute."""
    is_due = or_(Token.last_used_at.is_(None), Token.last_used_at <= now_s() - USE_RECORDED_EVERY_S)
    session.execute(update(Token).where(Token.id == token_id, is_due).values(last_used_at=now_s()))
