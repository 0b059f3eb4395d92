"""A spec's file: JSON, TOML or YAML, read as strictly as a body. The service checks what it means."""

import json
import math
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import yaml

from client.display.plain_text import one_line
from client.errors import UsageError
from client.input_file import as_text, read_bytes
from jobs.spec.quoting import quoted

# The service takes no more: api/http/bodies.py.
MAX_BYTES = 1024 * 1024
MAX_VALUES = 1000
MAX_DEPTH = 32
MAX_DIGITS = 1000

TOO_DEEP = f"nests deeper than {MAX_DEPTH} levels"
TOO_MANY = f"has more than {MAX_VALUES:,} values"


class BadSpec(Exception):
    """What is wrong in the file, in words."""


def read_spec(file: Path) -> dict[str, Any]:
    """The spec in a file; an empty YAML file is the empty one. UsageError says what is wrong where."""
    parse = PARSERS.get(file.suffix.lower())
    if parse is None:
        raise UsageError(f"{one_line(file)}: a spec is a .json, .toml or .yaml file")
    text = as_text(file, read_bytes(file, MAX_BYTES)).removeprefix("\ufeff")
    try:
        spec = parse(text)
        if not isinstance(spec, dict):
            raise BadSpec(
                f"a spec is a mapping of fields, not {'a list' if isinstance(spec, list) else 'a value'}"
            )
        check_values(spec)
    except BadSpec as error:
        raise UsageError(f"{one_line(file)}: {error}") from error
    except RecursionError as error:
        raise UsageError(f"{one_line(file)}: {TOO_DEEP}") from error
    # Apart where YAML had aliases for one and the same, so that --set changes one of them.
    separate: dict[str, Any] = json.loads(json.dumps(spec))
    return separate


def check_values(spec: dict[str, Any]) -> None:
    """raises BadSpec for what a JSON body could not hold, or not of that size"""
    level: list[tuple[str, Any]] = [("", spec)]
    count = 0
    for _ in range(MAX_DEPTH + 1):
        below = []
        for path, value in level:
            if wrong := what_is_wrong(value):
                raise BadSpec(f"{path}: {wrong}")
            below += children(path, value)
        count += len(below)
        if count > MAX_VALUES:
            raise BadSpec(TOO_MANY)
        if not below:
            return
        level = below
    raise BadSpec(TOO_DEEP)


def children(path: str, value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, list):
        return [(f"{path}.{place}", child) for place, child in enumerate(value)]
    if not isinstance(value, dict):
        return []
    for name in value:
        if not isinstance(name, str):
            written = one_line(json.dumps(name, default=str))
            raise BadSpec(f"{path or 'a field'}: the name {written} must be text: write it in quotes")
    return [(f"{path}.{name}" if path else name, child) for name, child in value.items()]


def what_is_wrong(value: Any) -> str | None:
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


JSON_REASONS = {
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
    """raises BadSpec, also for names that stand twice and numbers that are none; RecursionError"""
    try:
        return json.loads(
            text,
            object_pairs_hook=unique,
            parse_constant=refuse_constant,
            parse_float=finite_float,
            parse_int=short_int,
        )
    except json.JSONDecodeError as error:
        reason = JSON_REASONS.get(error.msg)
        raise not_in("JSON", error.lineno, error.colno, reason) from error


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise BadSpec(f"the name {quoted(name)} stands twice in one object")
        members[name] = value
    return members


def refuse_constant(name: str) -> NoReturn:
    raise BadSpec(f"{name} is not JSON")


def finite_float(literal: str) -> float:
    value = float(literal)
    if not math.isfinite(value):
        raise BadSpec(f"{quoted(literal)} is not JSON, which has only finite numbers")
    return value


def short_int(literal: str) -> int:
    if len(literal) > MAX_DIGITS:
        raise BadSpec(f"a number has {len(literal):,} digits, more than {MAX_DIGITS:,}")
    return int(literal)


def not_in(language: str, line: int, column: int, reason: str | None) -> BadSpec:
    return BadSpec(f"is not {language} at line {line}, column {column}" + (f": {reason}" if reason else ""))


TOML_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
TOML_REASONS = {
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
    """raises BadSpec, RecursionError"""
    try:
        return tomllib.loads(text, parse_float=finite_float)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        place = TOML_PLACE.search(message)
        what = message[: place.start()] if place else message
        reason = "a name stands twice" if what.endswith("twice") else TOML_REASONS.get(what)
        lines = text.splitlines() or [""]
        line, column = (place[1], place[2]) if place and place[1] else (len(lines), len(lines[-1]) + 1)
        raise not_in("TOML", int(line), int(column), reason) from error
    except ValueError as error:
        raise BadSpec(f"a number has more than {MAX_DIGITS:,} digits, or a date is none") from error


NULL = "tag:yaml.org,2002:null"


class YamlLoader(yaml.SafeLoader):
    """YAML 1.2's core schema, in bounds. PyYAML has that of 1.1: there `4e-4` is no number, `2026-11-24` no
    text, and `no`, `12:30` and `010` are false, 750 and 8.

    No name may stand twice, and there are at most MAX_VALUES values, those of an alias counted at each of its
    places: nine lines of aliases of aliases would else be a billion values.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._composed = 0
        self._sizes: dict[int, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._composed += 1
        if self._composed > 2 * MAX_VALUES:  # names are nodes too
            raise BadSpec(TOO_MANY)
        return super().compose_node(parent, index)

    def get_spec(self) -> Any:
        node = self.get_single_node()
        if node is None or (node.tag == NULL and node.value == ""):
            return {}
        self._measure(node)
        return self.construct_document(node)

    def _measure(self, node: yaml.Node) -> int:
        """The nodes that `node` stands for, once its aliases are written out."""
        if id(node) in self._sizes:
            size = self._sizes[id(node)]
            if size == 0:  # it is being measured: it holds itself
                raise yaml_error("it holds itself", node)
            return size
        self._sizes[id(node)] = 0
        size = 1
        if isinstance(node, yaml.MappingNode):
            refuse_twins(node)
            size += sum(self._measure(part) for pair in node.value for part in pair)
        elif isinstance(node, yaml.SequenceNode):
            size += sum(self._measure(part) for part in node.value)
        if size > 2 * MAX_VALUES:
            raise BadSpec(TOO_MANY)
        self._sizes[id(node)] = size
        return size


def refuse_twins(node: yaml.MappingNode) -> None:
    names = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode):
            if key.value in names:
                raise yaml_error(f"the name {quoted(key.value)} stands twice", key)
            names.add(key.value)


def yaml_error(what: str, node: yaml.Node) -> BadSpec:
    return BadSpec(f"at line {node.start_mark.line + 1}, column {node.start_mark.column + 1}: {what}")


def construct_int(loader: YamlLoader, node: yaml.ScalarNode) -> int:
    literal = loader.construct_scalar(node)
    if literal.startswith("0o"):
        return int(literal[2:], 8)
    return int(literal, 16) if literal.startswith("0x") else short_int(literal)


def construct_float(loader: YamlLoader, node: yaml.ScalarNode) -> float:
    return finite_float(loader.construct_scalar(node).lower().replace(".inf", "inf").replace(".nan", "nan"))


# https://yaml.org/spec/1.2.2/#103-core-schema, and 1.1's merge key.
YamlLoader.yaml_implicit_resolvers = {}
for tag, pattern, first in [
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", list("-+.")),
    ("merge", r"<<", ["<"]),
]:
    YamlLoader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(rf"(?:{pattern})\Z"), first)
YamlLoader.add_constructor("tag:yaml.org,2002:int", construct_int)
YamlLoader.add_constructor("tag:yaml.org,2002:float", construct_float)


YAML_REASONS = {
    "but found another document": "a second document begins here, and a spec is one",
    "could not determine a constructor": "this tag is none that a spec may have",
    "could not find expected ':'": "a colon is missing after a name",
    "expected ' '": "this is no directive",
    "expected '<document start>'": "more follows after its end",
    "expected ',' or ']'": "a comma or a ] is missing",
    "expected ',' or '}'": "a comma or a } is missing",
    "expected <block end>": "this does not belong to what stands before: check the indentation",
    "expected a comment or a line break": "the text must begin on the next line",
    "expected a mapping for merging": "only mappings can be merged",
    "expected a mapping or list of mappings for merging": "only mappings can be merged",
    "expected a ": "a tag does not suit what it stands before",
    "expected alphabetic or numeric character": "a name of letters and digits is missing",
    "expected chomping or indentation indicators": "the text must begin on the next line",
    "expected escape sequence": "an escape has too few hexadecimal digits",
    "expected the node content": "a value is missing",
    "found character '\\t'": "a tab: indent with spaces",
    "found character": "a text that begins so must be in quotes",
    "found incompatible YAML document": "only version 1 of YAML can be read",
    "found undefined alias": "no anchor (&) before it has the name of this alias (*)",
    "found undefined tag handle": "this tag is none that a spec may have",
    "found unexpected document separator": "a text in quotes does not end",
    "found unexpected end of stream": "a text in quotes does not end",
    "found unhashable key": "a name must be text",
    "found unknown escape character": "a backslash begins no escape: write it twice, or use single quotes",
    "mapping keys are not allowed here": "a ? is not allowed here",
    "mapping values are not allowed here": (
        "a colon is not allowed here: check the indentation, or put text that has one in quotes"
    ),
    "second occurrence": "another anchor (&) has this name",
    "sequence entries are not allowed here": "a list's entry is not allowed here: check the indentation",
}
"""By the beginning of what PyYAML says, the longer before the shorter; of the rest only the place is told."""


def yaml_reason(problem: str) -> str | None:
    return next((reason for start, reason in YAML_REASONS.items() if problem.startswith(start)), None)


def parse_yaml(text: str) -> Any:
    """raises BadSpec, RecursionError"""
    try:
        return YamlLoader(text).get_spec()
    except yaml.reader.ReaderError as error:
        code = error.character if isinstance(error.character, int) else ord(error.character)
        raise BadSpec(f"is not YAML: it has the character U+{code:04X}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise not_in("YAML", line, column, yaml_reason(error.problem or "")) from error
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        # PyYAML checks what `!!int`, `!!binary` and the like stand before only by failing.
        raise BadSpec("is not YAML: a tag does not suit what it stands before") from error


PARSERS: dict[str, Callable[[str], Any]] = {
    ".json": parse_json,
    ".toml": parse_toml,
    ".yaml": parse_yaml,
    ".yml": parse_yaml,
}
