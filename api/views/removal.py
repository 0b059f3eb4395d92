"""Removing the files of what has been deleted."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

log = logging.getLogger(__name__)


@contextmanager
def left_to_keeper(what: str) -> Iterator[None]:
    """For a block that removes files whose rows are gone already: what fails now the keeper does later."""
    try:
        yield
    except (OSError, SQLAlchemyError) as error:
        log.warning("%s could not be removed; the keeper does it later: %s", what, error)
