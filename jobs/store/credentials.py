"""What a request was let in by, to be looked at again while its answer goes on."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs.store.sessions import goes_on
from jobs.store.tables import PageSession, Token
from jobs.store.tokens import is_usable, tokens_exist


@dataclass(frozen=True)
class Credential:
    """A token, by its id; with `session_sha256`, a browser's session that refers to it. Without both nothing,
    as long as nobody needs a token."""

    token_id: str | None = None
    session_sha256: str | None = None


def still_accepted(session: Session, credentials: Collection[Credential]) -> set[Credential]:
    """Those by which a request would be let in now."""
    sessions = {one.session_sha256 for one in credentials if one.session_sha256 is not None}
    tokens = {one.token_id for one in credentials if one.token_id is not None}
    usable = set(session.scalars(select(Token.id).where(Token.id.in_(tokens), is_usable())))
    ongoing = set(
        session.scalars(
            select(PageSession.sha256)
            .join(Token, Token.id == PageSession.token_id)
            .where(PageSession.sha256.in_(sessions), goes_on())
        )
    )
    accepted = {
        one
        for one in credentials
        if one.token_id in usable and (one.session_sha256 is None or one.session_sha256 in ongoing)
    }
    nothing = Credential()
    if nothing in credentials and not tokens_exist(session):
        accepted.add(nothing)
    return accepted
