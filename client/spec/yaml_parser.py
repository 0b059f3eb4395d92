"""YAML 1.2's core schema, in bounds, with errors in plain words."""

import re
from typing import Any

import yaml

from client.spec.strict_values import (
    MAX_VALUES,
    TOO_MANY,
    InvalidSpec,
    bounded_int,
    finite_float,
    syntax_error,
)
from jobs.validation.quoting import quoted

NULL = "tag:yaml.org,2002:null"


class YamlLoader(yaml.SafeLoader):
    """PyYAML has YAML 1.1, where `4e-4` is no number, `2026-11-24` no text, and `no`, `12:30` and `010` are
    false, 750 and 8.

    No name may stand twice, and there are at most MAX_VALUES values, where those of an alias count at each of
    its places: nine lines of aliases of aliases can be a billion values.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._node_count = 0
        self._sizes: dict[int, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._node_count += 1
        if self._node_count > 2 * MAX_VALUES:  # names are nodes too
            raise InvalidSpec(TOO_MANY)
        return super().compose_node(parent, index)

    def get_spec(self) -> Any:
        node = self.get_single_node()
        if node is None or (node.tag == NULL and node.value == ""):
            return {}
        self._measure(node)
        return self.construct_document(node)

    def _measure(self, node: yaml.Node) -> int:
        """How many nodes `node` stands for, with its aliases written out."""
        if id(node) in self._sizes:
            size = self._sizes[id(node)]
            if size == 0:  # it is being measured, so it contains itself
                raise error_at("it holds itself", node)
            return size
        self._sizes[id(node)] = 0
        size = 1
        if isinstance(node, yaml.MappingNode):
            refuse_duplicate_names(node)
            size += sum(self._measure(part) for pair in node.value for part in pair)
        elif isinstance(node, yaml.SequenceNode):
            size += sum(self._measure(part) for part in node.value)
        if size > 2 * MAX_VALUES:
            raise InvalidSpec(TOO_MANY)
        self._sizes[id(node)] = size
        return size


def refuse_duplicate_names(node: yaml.MappingNode) -> None:
    names = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode):
            if key.value in names:
                raise error_at(f"the name {quoted(key.value)} stands twice", key)
            names.add(key.value)


def error_at(reason: str, node: yaml.Node) -> InvalidSpec:
    return InvalidSpec(f"at line {node.start_mark.line + 1}, column {node.start_mark.column + 1}: {reason}")


def construct_int(loader: YamlLoader, node: yaml.ScalarNode) -> int:
    literal = loader.construct_scalar(node)
    if literal.startswith("0o"):
        return int(literal[2:], 8)
    return int(literal, 16) if literal.startswith("0x") else bounded_int(literal)


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


REASONS = {
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
"""By the beginning of PyYAML's message, longer ones before shorter. Other errors are reported by their
position."""


def reason_of(problem: str) -> str | None:
    return next((reason for start, reason in REASONS.items() if problem.startswith(start)), None)


def parse_yaml(text: str) -> Any:
    """raises  InvalidSpec, RecursionError"""
    try:
        return YamlLoader(text).get_spec()
    except yaml.reader.ReaderError as error:
        code = error.character if isinstance(error.character, int) else ord(error.character)
        raise InvalidSpec(f"is not YAML: it has the character U+{code:04X}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise syntax_error("YAML", line, column, reason_of(error.problem or "")) from error
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        # PyYAML checks what `!!int`, `!!binary` and the like stand before only by failing.
        raise InvalidSpec("is not YAML: a tag does not suit what it stands before") from error
