"""Tokens in the database: their text, and what allows nothing."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from jobs.store.database import Database, now_s
from jobs.store.lookup import NotFound
from jobs.store.tables import Token
from jobs.store.tokens import (
    TOKEN,
    BadToken,
    admin_token_exists,
    create_first_token,
    create_token,
    find_token,
    list_tokens,
    record_use,
    revoke_token,
    secret_hash,
    tokens_exist,
    viewer_of,
)
from jobs.store.viewers import Right, Viewer


def made(
    database: Database, right: Right = Right.WRITE, lifetime_s: float | None = None
) -> tuple[Token, str]:
    with database.write() as session:
        return create_token(session, "ci", right, lifetime_s=lifetime_s)


def found(database: Database, text: str) -> Token:
    with database.read() as session:
        return find_token(session, text)


def test_a_token_is_found_by_its_text(database: Database) -> None:
    token, text = made(database)
    assert found(database, text).id == token.id
    assert viewer_of(token) == Viewer(Right.WRITE, "ci", token.id, "ci")


def test_the_database_holds_no_secret(database: Database) -> None:
    token, text = made(database)
    match = TOKEN.fullmatch(text)
    assert match is not None
    columns = {column.name: getattr(token, column.name) for column in Token.__table__.columns}
    assert not any(match["secret"] in str(value) for value in columns.values())
    assert columns["sha256"] == secret_hash(match["secret"])


def test_no_two_tokens_are_alike(database: Database) -> None:
    assert len({made(database)[1] for _ in range(20)}) == 20


def test_a_secret_of_another_token_opens_nothing(database: Database) -> None:
    (_, first), (_, second) = made(database), made(database)
    mixed = "_".join([*first.split("_", 2)[:2], second.split("_", 2)[2]])
    assert TOKEN.fullmatch(mixed)
    with pytest.raises(BadToken, match="there is no such token"):
        found(database, mixed)


def test_one_that_has_expired_or_been_revoked_says_so_to_whoever_has_it(database: Database) -> None:
    expired, text = made(database, lifetime_s=3600)
    assert found(database, text).id == expired.id
    with database.write() as session:
        session.execute(update(Token).where(Token.id == expired.id).values(expires_at=now_s() - 1))
    with pytest.raises(BadToken, match="has expired"):
        found(database, text)
    revoked, text = made(database)
    with database.write() as session:
        revoke_token(session, revoked.id)
        revoke_token(session, revoked.id)
    with pytest.raises(BadToken, match="has been revoked"):
        found(database, text)
    with pytest.raises(BadToken, match="there is no such token"):
        found(database, text[:-1] + ("A" if text[-1] != "A" else "B"))


@given(st.text() | st.from_regex(TOKEN, fullmatch=True).map(lambda text: text + " "))
def test_what_is_no_token_is_malformed(text: str) -> None:
    assert TOKEN.fullmatch(text) is None


def test_a_token_that_is_not_there_can_not_be_revoked(database: Database) -> None:
    with pytest.raises(NotFound), database.write() as session:
        revoke_token(session, "token-0")


def test_one_administrator_is_made_however_many_processes_start_at_once(database: Database) -> None:
    texts = []

    def start() -> None:
        with database.write() as session:
            texts.append(create_first_token(session))

    threads = [threading.Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [(token, _)] = [text for text in texts if text is not None]
    with database.read() as session:
        assert [row.id for row in list_tokens(session)] == [token.id]
        assert (tokens_exist(session), admin_token_exists(session)) == (True, True)
    with database.write() as session:
        revoke_token(session, token.id)
    with database.write() as session:
        assert (tokens_exist(session), admin_token_exists(session)) == (True, False)
        assert create_first_token(session) is None


def test_a_use_is_recorded_once_a_minute(database: Database) -> None:
    token, text = made(database)
    uses = []
    for seconds_ago in (0.0, 30.0, 61.0):
        with database.write() as session:
            session.execute(update(Token).values(last_used_at=Token.last_used_at - seconds_ago))
        before = found(database, text).last_used_at
        with database.write() as session:
            record_use(session, token.id)
        uses.append(found(database, text).last_used_at != before)
    assert uses == [True, False, True]
