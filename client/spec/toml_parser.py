"""TOML, with errors in plain words."""

import re
import tomllib
from typing import Any

from client.spec.strict_values import MAX_DIGITS, InvalidSpec, finite_float, syntax_error

POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
REASONS = {
    "Cannot overwrite a value": "a name stands twice",
    "Cannot mutate immutable namespace": "a name stands twice",
    "Invalid value": "a value is missing",
    "Expected '=' after a key in a key/value pair": "an = is missing after a name",
    "Unclosed array": "a ] is missing",
    "Unclosed inline table": "a } is missing",
    "Unterminated string": "a text does not end",
    "Expected newline or end of document after a statement": "a new line is missing",
    "Invalid statement": "this is no name",
    "Invalid initial character for a key part": "this is no name",
}


def parse_toml(text: str) -> Any:
    """raises  InvalidSpec, RecursionError"""
    try:
        return tomllib.loads(text, parse_float=finite_float)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        position = POSITION.search(message)
        problem = message[: position.start()] if position else message
        reason = "a name stands twice" if problem.endswith("twice") else REASONS.get(problem)
        lines = text.splitlines() or [""]
        line, column = (
            (position[1], position[2]) if position and position[1] else (len(lines), len(lines[-1]) + 1)
        )
        raise syntax_error("TOML", int(line), int(column), reason) from error
    except ValueError as error:
        raise InvalidSpec(f"a number has more than {MAX_DIGITS:,} digits, or a date is none") from error
