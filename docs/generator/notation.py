"""The types that JSON schemas describe, written down: in words, in Python, in TypeScript."""

from collections.abc import Sequence
from typing import Any, Protocol

from docs.generator.document import Schema, referred


class Notation(Protocol):
    """How each kind of type is written; what it consists of is written already."""

    def reference(self, name: str) -> str:
        """The type of the schema with that name."""

    def either(self, choices: Sequence[str]) -> str:
        """One of them; none stands there twice."""

    def all_of(self, parts: Sequence[str]) -> str: ...

    def literals(self, values: Sequence[Any]) -> str:
        """One of these values."""

    def fixed_array(self, elements: Sequence[str]) -> str:
        """As many elements as these, each of its type."""

    def array(self, element: str, schema: Schema) -> str: ...

    def mapping(self, value: str, schema: Schema) -> str:
        """An object with whatever names, whose values have that type."""

    def scalar(self, kind: str, schema: Schema) -> str:
        """Text, a number, true or false, null, or an object that has its fields in place, or none.

        kind  JSON Schema's name of it; "" for what may be anything
        """


def type_of(schema: Schema, notation: Notation) -> str:
    """The type of what meets the schema."""

    def written(inner: Schema) -> str:
        return type_of(inner, notation)

    if name := referred(schema):
        return notation.reference(name)
    if "const" in schema:
        return notation.literals([schema["const"]])
    if "enum" in schema:  # also beside "anyOf", which says less
        return notation.literals(schema["enum"])
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return notation.either(list(dict.fromkeys(map(written, schema[several]))))
    if "allOf" in schema:
        return notation.all_of(list(map(written, schema["allOf"])))
    kind = str(schema.get("type", ""))
    if kind == "array" and "prefixItems" in schema:
        return notation.fixed_array(list(map(written, schema["prefixItems"])))
    if kind == "array":
        return notation.array(written(schema.get("items", {})), schema)
    values = schema.get("additionalProperties")
    if kind == "object" and isinstance(values, dict):
        return notation.mapping(written(values), schema)
    return notation.scalar(kind, schema)
