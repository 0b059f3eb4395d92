"""What a request needs to be allowed: each route names one scope, where it is declared."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from jobs.store.viewers import Right


class Scope(StrEnum):
    PUBLIC = "public"
    """For everybody: whether the service is alive, and the pages' own files."""

    READ = "read"
    """To see what there is and to have text generated: changes nothing."""

    WRITE = "write"
    """To post, change and delete."""

    ADMIN = "admin"
    """To see and change what is others', and to decide who may do what."""

    @property
    def right(self) -> Right | None:
        """What a token must allow; None: nothing."""
        return None if self is Scope.PUBLIC else Right[self.name]


def scope_of(view: Callable[..., Any]) -> Scope:
    """What its route needs. A view that names none, such as one of an extension, is the administrators'."""
    scope: Scope = getattr(view, "scope", Scope.ADMIN)
    return scope
