"""What to do next, of errors whose cause the command line knows more of than the service."""

import re
from difflib import get_close_matches
from http import HTTPStatus

from client.errors import ApiError, ClientError, NotAnId

LISTS = {
    "job": "pretrain jobs",
    "data set": "pretrain datasets list",
    "tokenizer": "pretrain tokenizers list",
    "model": "pretrain models list",
    "webhook": "pretrain webhooks list",
    "token": "pretrain token list",
}
"""What lists those of a kind, by what the service calls it."""
UNKNOWN = re.compile(r"""no (?P<kind>[a-z ]+) (?P<id>['"].*)""")
"""How the service says that there is none of that id."""
LIKE_AN_ID = re.compile(r"'[a-z]+-[0-9a-f]{10,}'")


def next_step(error: ClientError) -> str | None:
    """A sentence, or None where the error says all that can be said."""
    if isinstance(error, NotAnId):
        return way_to_ids(error.kind)
    if not isinstance(error, ApiError):
        return None
    if error.status == HTTPStatus.NOT_FOUND:
        unknown = UNKNOWN.match(error.detail)
        if unknown is None or unknown["kind"] not in LISTS:
            return None
        if LIKE_AN_ID.match(unknown["id"]):
            return f"{listed(unknown['kind'])}."
        return way_to_ids(unknown["kind"])
    if error.status == HTTPStatus.UNPROCESSABLE_ENTITY:
        return "\n".join(filter(None, map(meant_field, sorted(error.fields)))) or None
    return None


def listed(kind: str) -> str:
    return f"`{LISTS[kind]}` lists those that there are"


def way_to_ids(kind: str) -> str:
    """For whoever seems to have given a name."""
    return f"{listed(kind)}: they are named by their ids, not their names."


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
