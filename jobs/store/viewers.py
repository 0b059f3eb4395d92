"""On whose behalf something is looked up or changed: what they may do, and whose things are theirs."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import IntEnum


class Right(IntEnum):
    """What a token allows; each right has those before it."""

    READ = 1
    WRITE = 2
    ADMIN = 3

    @property
    def scope(self) -> str:
        return self.name.lower()

    @property
    def scopes(self) -> list[str]:
        """This right's and those that it has besides."""
        return [right.scope for right in Right if right <= self]


@dataclass(frozen=True)
class Viewer:
    """Who asks."""

    right: Right
    owner: str | None = None
    """Whose the things are that they make; None on a service without tokens."""
    token_id: str | None = None
    token_name: str | None = None


EVERYBODY = Viewer(Right.ADMIN)
"""On a service without tokens; and the service itself, in workers and keeper."""

_viewer: ContextVar[Viewer] = ContextVar("viewer", default=EVERYBODY)


def viewer() -> Viewer:
    """Who asks, in the thread of a request; EVERYBODY anywhere else."""
    return _viewer.get()


def set_viewer(asking: Viewer) -> None:
    """Called in the context of a request."""
    _viewer.set(asking)


@contextmanager
def viewed_by(asking: Viewer) -> Iterator[None]:
    """The block runs on their behalf."""
    before = _viewer.set(asking)
    try:
        yield
    finally:
        _viewer.reset(before)
