"""The first token of a service that others may reach."""

import threading

import pytest

from api.http.first_token import make_first_token, require_token_if_public
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.tokens import create_token, find_token, list_tokens, viewer_of
from jobs.store.viewers import Right
from migrations.upgrade import upgrade
from tests.waiting import wait_until


def test_the_first_token_is_an_administrators_and_is_printed_once(
    settings: Settings, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    make_first_token(settings)
    [record] = caplog.records
    text = record.getMessage().rpartition(" ")[2]
    with database.read() as session:
        assert viewer_of(find_token(session, text)).right == Right.ADMIN
    make_first_token(settings)
    assert caplog.records == [record]
    with database.read() as session:
        assert len(list_tokens(session)) == 1


def test_it_is_made_as_soon_as_the_database_is_there(settings: Settings) -> None:
    stopped = threading.Event()
    waiting = threading.Thread(target=make_first_token, args=(settings, stopped))
    waiting.start()
    try:
        database = Database(settings.database)
        upgrade(database)

        def is_made() -> bool:
            with database.read() as session:
                return len(list_tokens(session)) == 1

        wait_until(is_made)
        database.close()
    finally:
        stopped.set()
        waiting.join()


def test_a_bind_beyond_loopback_is_refused_until_there_is_a_token(
    settings: Settings, database: Database
) -> None:
    public = settings.model_copy(update={"host": "0.0.0.0"})
    with pytest.raises(SystemExit, match=r"PRETRAIN_HOST=0\.0\.0\.0 .* `pretrain token create"):
        require_token_if_public(public)
    with database.write() as session:
        create_token(session, "ana", Right.READ)
    require_token_if_public(public)


@pytest.mark.parametrize(
    ("host", "publish", "is_public"),
    [
        ("127.0.0.1", None, False),
        ("127.9.9.9", None, False),
        ("localhost", None, False),
        ("::1", None, False),
        ("[::1]", None, False),
        ("0.0.0.0", None, True),
        ("::", None, True),
        ("pretrain.example", None, True),
        ("0.0.0.0", "127.0.0.1", False),
        ("0.0.0.0", "0.0.0.0", True),
        ("127.0.0.1", "10.1.2.3", True),
        ("0.0.0.0", "", True),
    ],
)
def test_what_counts_is_where_it_is_published_else_where_it_listens(
    host: str, publish: str | None, is_public: bool
) -> None:
    assert Settings(host=host, publish=publish).is_public == is_public
