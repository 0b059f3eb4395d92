"""Who asks, remembered for a second."""

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.token_cache import OUTAGE_S, REMEMBERED_S, TokenCache
from jobs.store.tokens import BadToken, create_token, find_token, revoke_token
from jobs.store.viewers import EVERYBODY, Right


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Statements:
    """Counts those that a database gets."""

    def __init__(self, database: Database) -> None:
        self.count = 0
        event.listen(database.engine, "before_cursor_execute", self.add)

    def add(self, *_: object) -> None:
        self.count += 1


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(database: Database, clock: Clock) -> TokenCache:
    return TokenCache(database, is_public=False, clock=clock)


def make(database: Database) -> str:
    with database.write() as session:
        return create_token(session, "ana", Right.READ)[1]


def test_everybody_may_ask_until_there_is_a_token(
    database: Database, cache: TokenCache, clock: Clock
) -> None:
    assert cache.identify(None) == cache.identify("sk-anything") == EVERYBODY
    text = make(database)
    clock.now += REMEMBERED_S
    with pytest.raises(BadToken, match="needs a token, and the request has none"):
        cache.identify(None)
    with pytest.raises(BadToken, match="malformed"):
        cache.identify("sk-anything")
    assert cache.identify(text).owner == "ana"


def test_a_public_service_needs_a_token_before_there_is_one(database: Database) -> None:
    with pytest.raises(BadToken):
        TokenCache(database, is_public=True).identify(None)


def test_a_revoked_token_ends_at_once_here_and_within_a_second_elsewhere(
    database: Database, cache: TokenCache, clock: Clock
) -> None:
    text = make(database)
    elsewhere = TokenCache(database, is_public=False, clock=clock)
    token_id = cache.identify(text).token_id
    assert elsewhere.identify(text).token_id == token_id
    with database.write() as session:
        revoke_token(session, str(token_id))
    cache.forget()
    with pytest.raises(BadToken, match="revoked"):
        cache.identify(text)
    assert elsewhere.identify(text).token_id == token_id
    clock.now += REMEMBERED_S
    with pytest.raises(BadToken, match="revoked"):
        elsewhere.identify(text)


def test_the_database_is_asked_once_a_second_and_written_once_a_minute(
    database: Database, cache: TokenCache, clock: Clock
) -> None:
    text = make(database)
    cache.identify(text)
    statements = Statements(database)
    for _ in range(100):
        cache.identify(text)
    assert statements.count == 0
    with database.read() as session:
        used_at = find_token(session, text).last_used_at
    assert used_at is not None
    for _ in range(20):
        clock.now += REMEMBERED_S
        cache.identify(text)
    with database.read() as session:
        assert find_token(session, text).last_used_at == used_at


def test_a_database_that_can_not_be_written_keeps_nobody_out(database: Database, settings: Settings) -> None:
    text = make(database)
    read_only = Database(settings.database)
    event.listen(
        read_only.engine,
        "begin",
        lambda connection: connection.exec_driver_sql(
            "PRAGMA query_only = ON" if connection.dialect.name == "sqlite" else "SET TRANSACTION READ ONLY"
        ),
    )
    assert TokenCache(read_only, is_public=True).identify(text).owner == "ana"
    read_only.close()


def go_away(monkeypatch: pytest.MonkeyPatch, database: Database) -> None:
    def refuse() -> None:
        raise OperationalError("SELECT 1", {}, Exception("the database is away"))

    monkeypatch.setattr(database, "read", refuse)


def test_while_the_database_is_away_its_last_word_on_a_token_holds_for_an_hour(
    database: Database, cache: TokenCache, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, unknown = make(database), make(database)
    viewer = cache.identify(known)
    go_away(monkeypatch, database)
    for _ in range(2):
        clock.now += OUTAGE_S / 2
        assert cache.identify(known) == viewer
        with pytest.raises(OperationalError):
            cache.identify(unknown)
    clock.now += REMEMBERED_S
    with pytest.raises(OperationalError):
        cache.identify(known)


def test_while_the_database_is_away_nobody_needs_a_token_who_needed_none_before(
    database: Database, cache: TokenCache, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not cache.needs_token()
    go_away(monkeypatch, database)
    clock.now += OUTAGE_S
    assert not cache.needs_token()
    clock.now += REMEMBERED_S
    with pytest.raises(OperationalError):
        cache.needs_token()


def test_a_process_that_has_never_heard_of_the_tokens_lets_nobody_in(
    database: Database, cache: TokenCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_away(monkeypatch, database)
    with pytest.raises(OperationalError):
        cache.identify(None)
