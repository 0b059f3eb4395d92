"""Retrying while the database is unavailable. The fence ends a trainer whose lease runs out meanwhile."""

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


def retry_while_unavailable(
    transaction: Callable[[], AbstractContextManager[Session]], action: Callable[[Session], Result]
) -> Result:
    """What `action` returns in a transaction that has committed, after as many tries as it needs.

    `action` may run several times, also after a commit whose confirmation was lost: it must be idempotent, or
    harmless when repeated.
    """
    while True:
        try:
            with transaction() as session:
                return action(session)
        except OperationalError as error:
            log.warning("the database does not answer, trying again: %s", error.orig)
            time.sleep(RETRY_S)
