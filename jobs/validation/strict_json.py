"""JSON that every parser reads: Python writes `NaN` and `Infinity`, which are no JSON."""

import json
import math
from typing import Any


def finite(value: Any) -> Any:
    """`value` with null for every NaN and infinity, however deep it lies in objects and arrays."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {name: finite(member) for name, member in value.items()}
        case list() | tuple():
            return [finite(entry) for entry in value]
        case _:
            return value


def to_json(value: Any, indent: int | None = None) -> str:
    """The text of a JSON value, all ASCII. NaN and infinities are null."""
    return json.dumps(finite(value), indent=indent, allow_nan=False)
