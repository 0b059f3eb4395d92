"""A job's spec from a file and from `--set path.to.field=value`. The service validates it."""

import copy
from pathlib import Path
from typing import Any

from client.errors import UsageError
from client.spec.fields import SpecFields
from client.spec.file import read_spec
from client.spec.json_parser import parse_json
from client.spec.strict_values import InvalidSpec
from jobs.validation.quoting import cut


def build_spec(
    file: Path | None, assignments: list[str], base: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The spec in `file`, or `base`, or an empty one, with `assignments` applied; UsageError says what is
    wrong where."""
    spec = read_spec(file) if file else copy.deepcopy(base or {})
    if assignments:
        fields = SpecFields()
        assigned: dict[str, Any] = {}
        for assignment in assignments:
            path, value = parse_assignment(assignment, fields)
            if is_set(assigned, path):
                raise UsageError(f"--set {cut(assignment)}: {cut('.'.join(path))} is set twice")
            for tree in (assigned, spec):
                assign(tree, path, copy.deepcopy(value), assignment)
    return spec


def is_set(tree: dict[str, Any], path: tuple[str, ...]) -> bool:
    value: Any = tree
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return False
        value = value[name]
    return True


def parse_assignment(assignment: str, fields: SpecFields) -> tuple[tuple[str, ...], Any]:
    """The field and the value of `training.seed=7`. raises UsageError"""
    path, equals, text = assignment.partition("=")
    names = path.split(".")
    if not equals or not all(names):
        raise UsageError(
            f"--set {cut(assignment)}: write it as field=value, such as training.learning_rate=1e-3"
        )
    field, types = fields.find(names)
    return field, value_of(text, types, assignment)


def value_of(text: str, types: set[str] | None, assignment: str) -> Any:
    """`text` as a value of a field of these JSON types; None if they are unknown.

    Parsed as JSON if the field takes the result, else text: a name may be 2024 or true without quotes.
    """
    try:
        value = parse_json(text)
    except (InvalidSpec, RecursionError) as error:
        if text[:1] in ("{", "["):
            reason = error if isinstance(error, InvalidSpec) else "it nests too deep"
            if types is None or "string" not in types:
                raise UsageError(f"--set {cut(assignment)}: {reason}") from error
        return text
    if types is None or "string" not in types or isinstance(value, str) or json_type(value) in types:
        return value
    return text


def json_type(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case list():
            return "array"
        case dict():
            return "object"
        case _:
            return "string"


def assign(spec: dict[str, Any], path: tuple[str, ...], value: Any, assignment: str) -> None:
    section = spec
    for depth, name in enumerate(path[:-1], start=1):
        section = section.setdefault(name, {})
        if not isinstance(section, dict):
            raise UsageError(f"--set {cut(assignment)}: {'.'.join(path[:depth])} is a value, not a section")
    section[path[-1]] = value
