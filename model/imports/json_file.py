"""JSON of somebody else's: an object without duplicate keys, or a message that says what is wrong."""

import json
from typing import Any

from model.imports.bad_model import BadModel, shown


def parse_object(content: bytes, place: str) -> dict[str, Any]:
    """
    place   what it is the content of, for messages
    raises  BadModel
    """
    try:
        parsed = json.loads(content, object_pairs_hook=without_duplicates)
    except RecursionError as error:
        raise BadModel(f"{place} nests too deep") from error
    except ValueError as error:
        raise BadModel(f"{place} is not JSON: {shown(str(error))}") from error
    if not isinstance(parsed, dict):
        raise BadModel(f"{place} must be a JSON object")
    return parsed


def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {shown(twice)} stands there twice")
    return members
