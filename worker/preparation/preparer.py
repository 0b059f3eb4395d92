"""What workers do with whatever they claim to prepare: they get on, renew the lease by that, and record the
end."""

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, TypeVar

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from jobs.lifecycle.preparation import (
    Superseded,
    describe,
    fail_preparation,
    lose_preparation,
    postpone_preparation,
    release_preparation,
    renew_preparation,
)
from jobs.settings import Settings
from jobs.store.database import Database
from jobs.store.lookup import NotFound
from jobs.store.preparations import Prepared
from worker.retry import retry_while_unavailable

log = logging.getLogger(__name__)

Claimed = TypeVar("Claimed", bound=Prepared)
Result = TypeVar("Result")


class ShutDown(Exception):
    """The worker is asked to end."""


class Unpreparable(Exception):
    """It can't be prepared, now or later; the message says why."""


class ProcessLost(Exception):
    """A process of the worker's has ended or hangs; the message says how. Another try may succeed."""


class Preparer(ABC, Generic[Claimed]):
    """Of one claim. `shutting_down` is set when the worker is asked to end."""

    def __init__(
        self, database: Database, settings: Settings, claimed: Claimed, shutting_down: threading.Event
    ) -> None:
        self.database, self.settings, self.claimed = database, settings, claimed
        self._shutting_down = shutting_down
        self._renewed_s = time.monotonic()

    @abstractmethod
    def prepare(self) -> None:
        """Do the work, and record that it is done.

        raises  Unpreparable, ShutDown, ProcessLost, Superseded, NotFound, OSError
        """

    def leave(self) -> None:
        """Another owns it, or it has been deleted: remove what this attempt has left."""

    def end(self) -> None:
        """It is recorded that it is ready or has failed: remove what is of no more use."""

    def run(self) -> None:
        """Return when the preparation has ended and that has been recorded, or when another owns it, or it
        has been deleted, or what it is made from."""
        began_s = time.monotonic()
        log.info("%s begins", describe(self.claimed))
        try:
            has_ended = self._prepare_or_record()
        except (Superseded, NotFound) as error:
            log.warning("%s", error)
            self.leave()
            return
        if has_ended:
            log.info("%s has ended after %.0f s", describe(self.claimed), time.monotonic() - began_s)
            self.end()

    def _prepare_or_record(self) -> bool:
        """Whether it is ready, or has failed. raises Superseded, NotFound"""
        claimed, what = self.claimed, describe(self.claimed)
        try:
            self.prepare()
        except ShutDown:
            self.write(lambda session: release_preparation(session, claimed))
            return False
        except Unpreparable as error:
            message = str(error)
            log.warning("%s can't be done: %s", what, message)
            self.write(lambda session: fail_preparation(session, claimed, message))
        except ProcessLost as error:
            message = str(error)
            log.warning("%s: %s", what, message)
            self.write(lambda session: lose_preparation(session, claimed, message))
            return False
        except OSError as error:  # a full disk, say
            reason, wait_s = error.strerror or str(error), self.settings.disk_retry_s
            log.warning("%s is done later: %s", what, reason)
            self.write(lambda session: postpone_preparation(session, claimed, reason, wait_s))
            return False
        return True

    def read(self, action: Callable[[Session], Result]) -> Result:
        """What `action` returns, once the database answers."""
        return retry_while_unavailable(self.database.read, action)

    def write(self, action: Callable[[Session], Result]) -> Result:
        """What `action` returns, once it is committed; it may run several times."""
        return retry_while_unavailable(self.database.write, action)

    def get_on(self, fraction: float) -> None:
        """So much of the work is done. raises ShutDown, Superseded"""
        if self._shutting_down.is_set():
            raise ShutDown
        if time.monotonic() - self._renewed_s < self.settings.renew_s:
            return
        try:
            with self.database.write() as session:
                renew_preparation(session, self.claimed, fraction, self.settings.lease_s)
        except OperationalError as error:
            log.warning("the lease of %s could not be renewed: %s", describe(self.claimed), error.orig)
            return
        self._renewed_s = time.monotonic()
