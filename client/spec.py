"""A job's spec from a file and from `--set path.to.field=value`. The service checks what it means."""

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import yaml

from client.errors import UsageError


class YamlLoader(yaml.SafeLoader):
    """YAML's safe subset, reading `4e-4` as a number.

    PyYAML follows YAML 1.1, where a float needs a dot and `4e-4` is a string; YAML 1.2 and people disagree.
    """


YamlLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def parse_json(text: str) -> Any:
    return json.loads(text, parse_constant=refuse_constant)


def parse_yaml(text: str) -> Any:
    return yaml.load(text, Loader=YamlLoader)


PARSERS: dict[str, Callable[[str], Any]] = {
    ".json": parse_json,
    ".toml": tomllib.loads,
    ".yaml": parse_yaml,
    ".yml": parse_yaml,
}


def build_spec(file: Path | None, assignments: list[str]) -> dict[str, Any]:
    """The spec in `file`, or an empty one, with `assignments` on top; UsageError says what is wrong where."""
    spec = read_spec(file) if file else {}
    for assignment in assignments:
        assign(spec, assignment)
    try:
        json.dumps(spec, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise UsageError(f"the spec cannot be sent as JSON: {error}") from error
    return spec


def read_spec(file: Path) -> dict[str, Any]:
    parse = PARSERS.get(file.suffix.lower())
    if parse is None:
        raise UsageError(f"{file}: a spec is a .json, .toml or .yaml file")
    try:
        spec = parse(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error
    except (ValueError, yaml.YAMLError) as error:
        raise UsageError(f"{file}: {error}") from error
    if spec is None:
        return {}
    if not isinstance(spec, dict):
        raise UsageError(f"{file}: a spec is a mapping of fields, not a {type(spec).__name__}")
    return spec


def assign(spec: dict[str, Any], assignment: str) -> None:
    """Set one field of `spec` from `training.seed=7`; a value that is no JSON is taken as a string."""
    path, equals, text = assignment.partition("=")
    names = path.split(".")
    if not equals or not all(names):
        raise UsageError(f"--set {assignment}: write it as field=value, such as training.learning_rate=1e-3")
    section = spec
    for depth, name in enumerate(names[:-1], start=1):
        section = section.setdefault(name, {})
        if not isinstance(section, dict):
            raise UsageError(f"--set {assignment}: {'.'.join(names[:depth])} is a value, not a section")
    try:
        section[names[-1]] = parse_json(text)
    except ValueError:
        section[names[-1]] = text
