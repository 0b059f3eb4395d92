"""Waiting for a database that is away. The fence ends a trainer whose lease runs out meanwhile."""

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

log = logging.getLogger(__name__)

Result = TypeVar("Result")

RETRY_S = 0.5


def patiently(
    transaction: Callable[[], AbstractContextManager[Session]], action: Callable[[Session], Result]
) -> Result:
    """What `action` returns in a transaction that the database took, after as many tries as it needs.

    `action` may run several times, also after a commit whose answer was lost: it must bear that.
    """
    while True:
        try:
            with transaction() as session:
                return action(session)
        except OperationalError as error:
            log.warning("the database does not answer, trying again: %s", error.orig)
            time.sleep(RETRY_S)
