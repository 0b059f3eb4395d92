"""What the parsers of JSON, TOML and YAML have in common: what they refuse, and how they say so."""

import math

from jobs.validation.quoting import quoted

# The service takes no more: api/http/bodies.py.
MAX_VALUES = 1000
MAX_DEPTH = 32
MAX_DIGITS = 1000

TOO_MANY = f"has more than {MAX_VALUES:,} values"


class InvalidSpec(Exception):
    """What is wrong in the file, in words."""


def syntax_error(language: str, line: int, column: int, reason: str | None) -> InvalidSpec:
    return InvalidSpec(
        f"is not {language} at line {line}, column {column}" + (f": {reason}" if reason else "")
    )


def finite_float(literal: str) -> float:
    value = float(literal)
    if not math.isfinite(value):
        raise InvalidSpec(f"{quoted(literal)} is not JSON, which has only finite numbers")
    return value


def bounded_int(literal: str) -> int:
    if len(literal) > MAX_DIGITS:
        raise InvalidSpec(f"a number has {len(literal):,} digits, more than {MAX_DIGITS:,}")
    return int(literal)
