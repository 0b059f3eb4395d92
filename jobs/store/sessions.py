"""Sessions: browsers in which somebody has signed in with an access token.

A browser presents 256 random bits, of which the row holds a SHA-256 alone. A session allows what its token
allows, for as long as the token does, and ends by itself besides.
"""

import secrets

from sqlalchemy import ColumnElement, and_, delete, not_, or_, select
from sqlalchemy.orm import Session

from jobs.store.database import now_s
from jobs.store.tables import PageSession, Token
from jobs.store.tokens import SECRET_BYTES, BadToken, is_usable, secret_hash


def create_session(session: Session, token: Token, lifetime_s: float) -> tuple[PageSession, str]:
    """Store a new session, which ends with its token at the latest; returns its row, and what the browser is
    to present."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    made = PageSession(
        sha256=secret_hash(secret),
        token_id=token.id,
        created_at=now_s(),
        expires_at=now_s() + lifetime_s,
    )
    session.add(made)
    session.flush()
    session.refresh(made)
    if token.expires_at is not None:
        made.expires_at = min(made.expires_at, token.expires_at)
    return made, secret


def find_session(session: Session, secret: str) -> tuple[PageSession, Token]:
    """The row of a session that still goes on, and its token's. raises  BadToken"""
    query = select(PageSession, Token).join(Token, Token.id == PageSession.token_id)
    row = session.execute(query.where(PageSession.sha256 == secret_hash(secret), goes_on())).first()
    if row is None:
        raise BadToken("the session has ended: sign in again")
    return row.PageSession, row.Token


def find_session_token(session: Session, secret: str) -> Token:
    """The token of a session that still goes on. raises  BadToken"""
    return find_session(session, secret)[1]


def goes_on() -> ColumnElement[bool]:
    """Whether a session does, beside its token's row."""
    return and_(PageSession.expires_at > now_s(), is_usable())


def end_session(session: Session, secret: str) -> Token | None:
    """Sign out; returns the token of whoever was signed in. A repeat changes nothing."""
    ending = delete(PageSession).where(PageSession.sha256 == secret_hash(secret))
    token_id = session.scalar(ending.returning(PageSession.token_id))
    return None if token_id is None else session.get_one(Token, token_id)


def forget_ended_sessions(session: Session) -> None:
    """Delete the rows of sessions that have ended, by themselves or with their token."""
    unusable = select(Token.id).where(not_(is_usable()))
    is_over = or_(PageSession.expires_at <= now_s(), PageSession.token_id.in_(unusable))
    session.execute(delete(PageSession).where(is_over))
