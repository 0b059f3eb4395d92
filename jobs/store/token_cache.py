"""Who asks, by the token or the session of a request, remembered for a second: else every request would ask
the database."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from jobs.store.database import Database
from jobs.store.sessions import find_session_token
from jobs.store.tables import Token
from jobs.store.tokens import (
    USE_RECORDED_EVERY_S,
    BadToken,
    find_token,
    record_use,
    secret_hash,
    tokens_exist,
    viewer_of,
)
from jobs.store.viewers import EVERYBODY, Viewer

log = logging.getLogger(__name__)

REMEMBERED_S = 1.0
"""How long a token that another process has revoked is still taken. This one's are forgotten at once."""
OUTAGE_S = 3600.0
"""While the database does not answer, what it has said last still holds for so long: it can't have said
anything else meanwhile, and whoever watches the service asks just then."""
MAX_REMEMBERED = 10_000

Find = Callable[[Session, str], Token]
"""The row of the token that a request's text stands for. raises  BadToken"""


@dataclass(frozen=True)
class Known:
    viewer: Viewer
    until: float
    """By the clock of this process."""


class TokenCache:
    """
    is_public  whether the service is published beyond loopback: then nobody does without a token, whether
               there is one yet or not
    clock      seconds, never backwards
    """

    def __init__(
        self, database: Database, *, is_public: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._needs_token = is_public
        self._clock = clock
        self._without_tokens_until = -1.0
        self._known: dict[tuple[Find, str], Known] = {}
        self._use_recorded_at: dict[str, float] = {}

    def identify(self, text: str | None) -> Viewer:
        """Who asks.

        text    of the token; None if the request has none
        raises  BadToken; DBAPIError if the database, which knows the tokens, does not answer and has not told
                of this one within `OUTAGE_S`
        """
        if not self.needs_token():
            return EVERYBODY  # whatever is sent: OpenAI's client, for one, always sends something
        if text is None:
            raise BadToken("this service needs a token, and the request has none")
        return self._remembered(find_token, text)

    def identify_session(self, secret: str) -> Viewer:
        """Who has signed in in the browser that presents this. raises  as `identify`"""
        return self._remembered(find_session_token, secret)

    def _remembered(self, find: Find, text: str) -> Viewer:
        key = find, secret_hash(text)  # of the text, so that no secret lies in memory
        known = self._known.get(key)
        if known is None or known.until <= self._clock():
            self._known.pop(key, None)
            try:
                known = self._look_up(find, text)
            except OperationalError:
                if known is None or known.until + OUTAGE_S <= self._clock():
                    raise
                self._known[key] = known
        return known.viewer

    def needs_token(self) -> bool:
        """Whether requests need a token: always from the first one on. raises  DBAPIError as `identify`"""
        if not self._needs_token and self._without_tokens_until <= self._clock():
            try:
                with self._database.read() as session:
                    self._needs_token = tokens_exist(session)
            except OperationalError:
                if self._without_tokens_until < 0 or self._without_tokens_until + OUTAGE_S <= self._clock():
                    raise
            else:
                self._without_tokens_until = self._clock() + REMEMBERED_S
        return self._needs_token

    def forget(self) -> None:
        """Ask the database again from now on: tokens have been made or revoked, or a session has ended."""
        self._without_tokens_until = -1.0
        self._known.clear()

    def _look_up(self, find: Find, text: str) -> Known:
        until = self._clock() + REMEMBERED_S
        with self._database.read() as session:
            viewer = viewer_of(find(session, text))
        if len(self._known) >= MAX_REMEMBERED:
            self._known.clear()
        known = self._known[find, secret_hash(text)] = Known(viewer, until)
        self._record_use(viewer)
        return known

    def _record_use(self, viewer: Viewer) -> None:
        """Once a minute. A database that can be read but not written, such as a full one, keeps nobody
        out."""
        assert viewer.token_id is not None
        now = self._clock()
        if self._use_recorded_at.get(viewer.token_id, -USE_RECORDED_EVERY_S) > now - USE_RECORDED_EVERY_S:
            return
        self._use_recorded_at[viewer.token_id] = now
        try:
            with self._database.write() as session:
                record_use(session, viewer.token_id)
        except SQLAlchemyError as error:
            log.warning("the use of a token could not be recorded: %s", error)
