"""What is wrong with a model from outside."""

from typing import Any

MAX_SHOWN_CHARACTERS = 100
NAMED = 3
"""In a message, at most."""


class BadModel(ValueError):
    """Files that can't be imported. The message names the file and the key or the tensor, the value, and what
    would be right."""


def shown(value: Any) -> str:
    """A value of somebody else's file on one line, cut where it is long."""
    written = repr(value)
    if len(written) <= MAX_SHOWN_CHARACTERS:
        return written
    return written[: MAX_SHOWN_CHARACTERS - 1] + "…"


def shown_names(names: list[str]) -> str:
    """The first of them, and how many more there are."""
    listed = ", ".join(map(shown, names[:NAMED]))
    more = len(names) - NAMED
    return f"{listed} and {more:,} more" if more > 0 else listed
