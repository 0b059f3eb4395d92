"""What to do next, of errors whose cause the command line knows more of than the service."""

import re
from difflib import get_close_matches
from http import HTTPStatus

from client.errors import ApiError, ClientError

LISTS = {
    "no job ": "pretrain jobs",
    "no data set ": "pretrain datasets list",
    "no tokenizer ": "pretrain tokenizers list",
    "no model ": "pretrain models list",
    "no webhook ": "pretrain webhooks list",
    "no token ": "pretrain token list",
}
"""By how the service says that there is none of that id."""
ID = re.compile(r"^no [a-z ]+ '[a-z]+-[0-9a-f]{10,}'")
"""Such an error about what looks like an id."""


def next_step(error: ClientError) -> str | None:
    """A sentence, or None where the error says all that can be said."""
    if not isinstance(error, ApiError):
        return None
    if error.status == HTTPStatus.NOT_FOUND:
        command = next((each for start, each in LISTS.items() if error.detail.startswith(start)), None)
        if command is None:
            return None
        listed = f"`{command}` lists those that there are"
        return (
            f"{listed}."
            if ID.search(error.detail)
            else f"{listed}: they are named by their ids, not their names."
        )
    if error.status == HTTPStatus.UNPROCESSABLE_ENTITY:
        return "\n".join(filter(None, map(meant_field, sorted(error.fields)))) or None
    return None


def meant_field(wrong: str) -> str | None:
    """Which field of a spec has nearly this path, where none has it."""
    from client.spec.fields import SpecFields

    known = SpecFields().paths()
    if wrong in known:
        return None
    beside = [path for path in known if path.count(".") == wrong.count(".")]
    close = get_close_matches(wrong, beside, n=1, cutoff=0.75) or [
        path for path in known if path.rpartition(".")[2] == wrong
    ]
    return f"Did you mean {close[0]}?" if len(close) == 1 else None
