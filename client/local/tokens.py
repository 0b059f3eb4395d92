"""Tokens straight from the database of this machine's service, for as long as nobody could ask for them over
HTTP."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import inspect, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from client.environment import read_settings
from client.errors import ClientError
from client.local.data_folder import make_data_folder
from client.plain_text import one_line
from client.records import NewToken, Token
from jobs.settings import Settings
from jobs.store import tables
from jobs.store.audit import Audited, audited
from jobs.store.database import Database
from jobs.store.lookup import NotFound
from jobs.store.times import as_rfc3339
from jobs.store.tokens import admin_token_exists, create_token, list_tokens, revoke_token, tokens_exist
from jobs.store.viewers import Right

CREATE_COMMAND = "pretrain token create --scope admin --name NAME"
"""By which the first token is made."""


class LocalTokens:
    """What `pretrain.tokens` is, without HTTP."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @property
    def place(self) -> str:
        """Where the tokens are, for messages."""
        return "the database" if self._settings.database_url else one_line(self._settings.data_dir)

    def create(
        self,
        name: str,
        *,
        scopes: Sequence[str],
        expires_in_s: int | None = None,
        owner: str | None = None,
    ) -> NewToken:
        migrate(self._settings)
        right = max(Right[scope.upper()] for scope in scopes)
        with recorded_writes(self._settings, "pretrain token create") as session:
            token, text = create_token(session, name, right, owner, expires_in_s)
            return {**token_record(token), "token": text}

    def list(self) -> Iterator[Token]:
        if not has_tokens(self._settings):
            return
        with local_database(self._settings) as database, database.read() as session:
            yield from map(token_record, list_tokens(session))

    def revoke(self, token_id: str) -> None:
        migrate(self._settings)
        try:
            with recorded_writes(self._settings, "pretrain token revoke", token_id) as session:
                revoke_token(session, token_id)
        except NotFound as error:
            raise ClientError(str(error)) from error


def find_local_tokens() -> LocalTokens | None:
    """The tokens of this machine's database if none of them is an administrator's that can be used; else
    None, and the service is to be asked, which wants such a one.

    raises  UsageError for wrong settings
    """
    settings = read_settings()
    return None if has_tokens(settings, usable=True) else LocalTokens(settings)


def has_tokens(settings: Settings, *, usable: bool = False) -> bool:
    """Whether the database has any token, or a usable one of an administrator. One that is not there, or has
    no tables yet, has none.

    raises  ClientError if it does not answer
    """
    url = make_url(settings.database)
    if url.get_backend_name() == "sqlite" and not os.path.exists(
        str(url.database)
    ):  # to open it would make it
        return False
    with local_database(settings) as database, database.read() as session:
        if not inspect(session.connection()).has_table(tables.Token.__tablename__):
            return False
        return admin_token_exists(session) if usable else tokens_exist(session)


@contextmanager
def local_database(settings: Settings) -> Iterator[Database]:
    database = Database(settings.database)
    try:
        yield database
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise ClientError(f"the database can't be used: {reason}") from error
    finally:
        database.close()


@contextmanager
def recorded_writes(settings: Settings, command: str, *ids: str) -> Iterator[Session]:
    """A transaction that the audit tells of as that command."""
    with (
        local_database(settings) as database,
        audited(Audited(command, ids)),
        database.write() as session,
    ):
        yield session


def migrate(settings: Settings) -> None:
    """Make the database's tables, or bring them up to date. raises ClientError"""
    make_data_folder(settings.data_dir)
    environment = {**os.environ, "PRETRAIN_DATA_DIR": str(settings.data_dir), "PYTHONSAFEPATH": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "migrations"], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ClientError(f"the database could not be prepared:\n{done.stderr.strip()[-1000:]}")


def token_record(token: tables.Token) -> Token:
    """As the API's."""
    return {
        "id": token.id,
        "object": "token",
        "name": token.name,
        "owner": token.owner,
        "scopes": Right[token.scope.upper()].scopes,
        "created_at": str(as_rfc3339(token.created_at)),
        "expires_at": time_or_none(token.expires_at),
        "revoked_at": time_or_none(token.revoked_at),
        "last_used_at": time_or_none(token.last_used_at),
    }


def time_or_none(timestamp: float | None) -> str | None:
    return None if timestamp is None else as_rfc3339(timestamp)
