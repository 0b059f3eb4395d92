"""Sessions end by themselves, with their token, and when somebody signs out."""

import pytest
from sqlalchemy import select, update

from jobs.store.database import Database, now_s
from jobs.store.sessions import create_session, end_session, find_session, forget_ended_sessions
from jobs.store.tables import PageSession, Token
from jobs.store.token_cache import REMEMBERED_S, TokenCache
from jobs.store.tokens import BadToken, create_token, revoke_token
from jobs.store.viewers import Right


def signed_in(database: Database, token_lifetime_s: float | None = None) -> tuple[str, str]:
    """The id of a new token, and what a browser presents in which somebody has signed in with it."""
    with database.write() as session:
        token, _ = create_token(session, "ana", Right.WRITE, lifetime_s=token_lifetime_s)
        return token.id, create_session(session, token, 3600)[1]


def goes_on(database: Database, secret: str) -> bool:
    with database.read() as session:
        try:
            find_session(session, secret)
        except BadToken:
            return False
    return True


def count(database: Database) -> int:
    with database.read() as session:
        return len(session.scalars(select(PageSession)).all())


def test_a_session_is_found_by_what_the_browser_presents_which_is_not_stored(database: Database) -> None:
    token_id, secret = signed_in(database)
    with database.read() as session:
        row, token = find_session(session, secret)
        assert (row.token_id, token.id) == (token_id, token_id)
        assert secret not in (row.sha256, row.token_id)
        assert 3590 < row.expires_at - row.created_at < 3601
    assert not goes_on(database, secret[:-1])
    assert not goes_on(database, "")


def test_a_session_ends_no_later_than_its_token(database: Database) -> None:
    token_id, secret = signed_in(database, token_lifetime_s=60)
    with database.write() as session:
        row, token = find_session(session, secret)
        assert row.expires_at == token.expires_at
        session.execute(update(PageSession).values(expires_at=now_s() + 3600))
        session.execute(update(Token).where(Token.id == token_id).values(expires_at=now_s() - 1))
    assert not goes_on(database, secret)


def test_a_revoked_token_ends_its_sessions_and_no_others(database: Database) -> None:
    (first, secret), (_, other) = signed_in(database), signed_in(database)
    with database.write() as session:
        revoke_token(session, first)
    assert (goes_on(database, secret), goes_on(database, other)) == (False, True)


def test_to_sign_out_ends_one_session_however_often_it_is_asked_for(database: Database) -> None:
    (_, secret), (_, other) = signed_in(database), signed_in(database)
    for _ in range(2):
        with database.write() as session:
            end_session(session, secret)
    assert (goes_on(database, secret), goes_on(database, other)) == (False, True)


def test_rows_of_sessions_that_have_ended_are_deleted_and_those_that_go_on_stay(database: Database) -> None:
    signed_in(database)
    (revoked, _), (expired, _), (_, old) = signed_in(database), signed_in(database), signed_in(database)
    with database.write() as session:
        revoke_token(session, revoked)
        session.execute(update(Token).where(Token.id == expired).values(expires_at=now_s() - 1))
        row, _ = find_session(session, old)
        row.expires_at = 1.0
    assert count(database) == 4
    with database.write() as session:
        forget_ended_sessions(session)
    assert count(database) == 1


def test_what_a_browser_presents_is_no_token_and_a_token_no_session(database: Database) -> None:
    with database.write() as session:
        token, text = create_token(session, "ana", Right.READ)
        secret = create_session(session, token, 3600)[1]
    now = [1000.0]
    cache = TokenCache(database, is_public=False, clock=lambda: now[0])
    assert cache.identify(text) == cache.identify_session(secret)
    for wrong, ask in ((secret, cache.identify), (text, cache.identify_session)):
        with pytest.raises(BadToken):
            ask(wrong)
    with database.write() as session:
        end_session(session, secret)
    assert cache.identify_session(secret).owner == "ana"  # another process has ended it: for a second
    now[0] += REMEMBERED_S
    with pytest.raises(BadToken, match="the session has ended"):
        cache.identify_session(secret)
