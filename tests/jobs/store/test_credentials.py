"""What lets a request in now."""

from sqlalchemy import update

from jobs.store.credentials import Credential, still_accepted
from jobs.store.database import Database, now_s
from jobs.store.sessions import create_session, end_session
from jobs.store.tables import Token
from jobs.store.tokens import create_token, revoke_token, secret_hash
from jobs.store.viewers import Right

NOTHING = Credential()


def test_nothing_is_enough_until_there_is_a_token(database: Database) -> None:
    with database.read() as session:
        assert still_accepted(session, {NOTHING}) == {NOTHING}
    with database.write() as session:
        create_token(session, "ana", Right.READ)
    with database.read() as session:
        assert still_accepted(session, {NOTHING}) == set()


def test_a_token_is_until_it_is_revoked_or_has_expired(database: Database) -> None:
    with database.write() as session:
        tokens = [create_token(session, name, Right.READ)[0] for name in ("ana", "bob", "eve")]
        good, revoked, expired = (Credential(token.id) for token in tokens)
        revoke_token(session, tokens[1].id)
        session.execute(update(Token).where(Token.id == tokens[2].id).values(expires_at=now_s() - 1))
    with database.read() as session:
        assert still_accepted(session, {good, revoked, expired}) == {good}


def test_a_session_is_until_it_or_its_token_ends(database: Database) -> None:
    with database.write() as session:
        token, other = (create_token(session, name, Right.READ)[0] for name in ("ana", "bob"))
        secrets = [create_session(session, of, 60)[1] for of in (token, token, other)]
        going, ended, tokenless = (
            Credential(of.id, secret_hash(secret))
            for of, secret in zip((token, token, other), secrets, strict=True)
        )
        end_session(session, secrets[1])
        revoke_token(session, other.id)
    with database.read() as session:
        assert still_accepted(session, {going, ended, tokenless}) == {going}
