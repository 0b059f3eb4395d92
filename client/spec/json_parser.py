"""JSON, strictly: no name twice, no NaN and Infinity; with errors in plain words."""

import json
from typing import Any, NoReturn

from client.spec.strict_values import InvalidSpec, bounded_int, finite_float, syntax_error
from jobs.validation.quoting import quoted

REASONS = {
    "Expecting value": "a value is missing",
    "Expecting property name enclosed in double quotes": "a name in double quotes is missing",
    "Expecting ':' delimiter": "a colon is missing",
    "Expecting ',' delimiter": "a comma or a closing bracket is missing",
    "Extra data": "more follows after its end",
    "Unterminated string starting at": "the text that begins here does not end",
    "Invalid control character at": "a text has a control character: write it as an escape, such as \\n",
    "Invalid \\escape": "a backslash begins no escape: write it twice",
    "Illegal trailing comma before end of object": "nothing follows the comma",
    "Illegal trailing comma before end of array": "nothing follows the comma",
}


def parse_json(text: str) -> Any:
    """raises  InvalidSpec, RecursionError"""
    try:
        return json.loads(
            text,
            object_pairs_hook=unique_names,
            parse_constant=refuse_constant,
            parse_float=finite_float,
            parse_int=bounded_int,
        )
    except json.JSONDecodeError as error:
        raise syntax_error("JSON", error.lineno, error.colno, REASONS.get(error.msg)) from error


def unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise InvalidSpec(f"the name {quoted(name)} stands twice in one object")
        members[name] = value
    return members


def refuse_constant(name: str) -> NoReturn:
    raise InvalidSpec(f"{name} is not JSON")
