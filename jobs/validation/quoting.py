"""Values as they may stand in an answer or a log: short, and valid Unicode, whoever has written them."""

import json
from collections.abc import Iterator
from typing import Any

from jobs.validation.strict_json import to_json

MAX_QUOTED_CHARACTERS = 200
CUT = "…"


def cut(text: str) -> str:
    """`text`, or its beginning where that is longer than 200 characters; lone surrogates become escapes."""
    start = text[: MAX_QUOTED_CHARACTERS + 1].encode(errors="backslashreplace").decode()
    return start if len(start) <= MAX_QUOTED_CHARACTERS else start[: MAX_QUOTED_CHARACTERS - 1] + CUT


def quoted(text: str) -> str:
    """`text` in quotes on one line, unprintable characters as escapes, and 200 characters of it at most."""
    literal = repr(text[:MAX_QUOTED_CHARACTERS])
    if len(text) <= MAX_QUOTED_CHARACTERS and len(literal) <= MAX_QUOTED_CHARACTERS:
        return literal
    return literal[: MAX_QUOTED_CHARACTERS - 2] + CUT + literal[0]


def excerpt(value: Any) -> Any:
    """A JSON value, or its beginning if its text is longer than 200 characters: of a string, or of that text.

    Takes time and memory for the beginning only, however large the value is.
    """
    if isinstance(value, str):
        return cut(value)
    text = ""
    for piece in json_pieces(value):
        text += piece
        if len(text) > MAX_QUOTED_CHARACTERS:
            return cut(text)
    return json.loads(text)


def json_pieces(value: Any) -> Iterator[str]:
    """The JSON of `value` piece by piece; of each string as much as could be quoted."""
    if isinstance(value, dict):
        yield "{"
        for number, (name, member) in enumerate(value.items()):
            yield (", " if number else "") + json_string(str(name)) + ": "
            yield from json_pieces(member)
        yield "}"
    elif isinstance(value, list | tuple):
        yield "["
        for number, entry in enumerate(value):
            yield ", " if number else ""
            yield from json_pieces(entry)
        yield "]"
    elif value is None or isinstance(value, bool | int | float):
        yield to_json(value)
    else:
        yield json_string(str(value))


def json_string(text: str) -> str:
    start = text[: MAX_QUOTED_CHARACTERS + 1].encode(errors="backslashreplace").decode()
    return json.dumps(start, ensure_ascii=False)


def gibibytes(count: float) -> str:
    return f"{count / 2**30:,.1f} GiB"
