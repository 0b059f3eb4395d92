"""A job's spec in a file: JSON, TOML or YAML, read as strictly as a request's body. The service validates
it."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from client.errors import UsageError
from client.files.input import STDIN, decode_utf8, read_bytes, shown_name
from client.plain_text import one_line
from client.spec.json_parser import parse_json
from client.spec.strict_values import MAX_DEPTH, MAX_DIGITS, MAX_VALUES, TOO_MANY, InvalidSpec
from client.spec.toml_parser import parse_toml
from client.spec.yaml_parser import parse_yaml

# The service takes no more: api/http/bodies.py.
MAX_BYTES = 1024 * 1024
TOO_DEEP = f"nests deeper than {MAX_DEPTH} levels"

PARSERS: dict[str, Callable[[str], Any]] = {
    ".json": parse_json,
    ".toml": parse_toml,
    ".yaml": parse_yaml,
    ".yml": parse_yaml,
}


def read_spec(file: Path) -> dict[str, Any]:
    """The spec in a file, or in standard input for `-`; an empty YAML file is the empty one.

    raises  UsageError, which says what is wrong where
    """
    parse = parse_json_or_yaml if file == STDIN else PARSERS.get(file.suffix.lower())
    if parse is None:
        raise UsageError(f"{one_line(file)}: a spec is a .json, .toml or .yaml file")
    text = decode_utf8(file, read_bytes(file, MAX_BYTES)).removeprefix("\ufeff")
    try:
        spec = parse(text)
        if not isinstance(spec, dict):
            raise InvalidSpec(
                f"a spec is a mapping of fields, not {'a list' if isinstance(spec, list) else 'a value'}"
            )
        check_values(spec)
    except InvalidSpec as error:
        raise UsageError(f"{shown_name(file)}: {error}") from error
    except RecursionError as error:
        raise UsageError(f"{shown_name(file)}: {TOO_DEEP}") from error
    # Copied, because YAML's aliases are one and the same object, of which --set would change all places.
    copy: dict[str, Any] = json.loads(json.dumps(spec))
    return copy


def parse_json_or_yaml(text: str) -> Any:
    """For text without a file name. raises  InvalidSpec, RecursionError"""
    return parse_json(text) if text.lstrip().startswith("{") else parse_yaml(text)


def check_values(spec: dict[str, Any]) -> None:
    """raises  InvalidSpec for what JSON can't hold, and for more than the service takes"""
    level: list[tuple[str, Any]] = [("", spec)]
    count = 0
    for _ in range(MAX_DEPTH + 1):
        next_level = []
        for path, value in level:
            if reason := why_not_json(value):
                raise InvalidSpec(f"{path}: {reason}")
            next_level += children(path, value)
        count += len(next_level)
        if count > MAX_VALUES:
            raise InvalidSpec(TOO_MANY)
        if not next_level:
            return
        level = next_level
    raise InvalidSpec(TOO_DEEP)


def children(path: str, value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, list):
        return [(f"{path}.{index}", child) for index, child in enumerate(value)]
    if not isinstance(value, dict):
        return []
    for name in value:
        if not isinstance(name, str):
            shown = one_line(json.dumps(name, default=str))
            raise InvalidSpec(f"{path or 'a field'}: the name {shown} must be text: write it in quotes")
    return [(f"{path}.{name}" if path else name, child) for name, child in value.items()]


def why_not_json(value: Any) -> str | None:
    """Why JSON has no such value, or None."""
    match value:
        case None | bool() | str() | list() | dict():
            return None
        case int():
            return None if abs(value) < 10**MAX_DIGITS else f"a number has more than {MAX_DIGITS:,} digits"
        case float():
            return None if math.isfinite(value) else "JSON has only finite numbers"
        case _:
            return "JSON has no such value: if it is meant as text, write it in quotes"
