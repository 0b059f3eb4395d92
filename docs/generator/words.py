"""Types in words, as the reference has them."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from docs.generator.document import Schema, schemas
from docs.generator.notation import type_of

WORDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
    "object": "an object",
}
BOUNDS = (
    (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum"), ""),
    (("minLength",), ("maxLength",), " characters"),
    (("minItems",), ("maxItems",), " of them"),
)
"""Of a number, a text and a list: names of the lower and of the upper bound, and what is counted."""
WORDS_OF_EXCLUSIVE = {"exclusiveMinimum": "more than ", "exclusiveMaximum": "less than "}

Link = Callable[[str], str]


def in_code(name: str) -> str:
    return f"`{name}`"


def in_words(schema: Schema, link: Link = in_code) -> str:
    """What meets the schema.

    link  what stands for a schema that is described elsewhere
    """
    return type_of(schema, Words(link))


class Words:
    """A `Notation`."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def reference(self, name: str) -> str:
        target = schemas()[name]
        return self._link(name) if "properties" in target else type_of(target, self)

    def either(self, choices: Sequence[str]) -> str:
        """`a`, `b` or `c`."""
        *first, last = choices
        return f"{', '.join(first)} or {last}" if first else last

    def all_of(self, parts: Sequence[str]) -> str:
        return ", ".join(parts)

    def literals(self, values: Sequence[Any]) -> str:
        return self.either([f"`{json.dumps(value)}`" for value in values])

    def fixed_array(self, elements: Sequence[str]) -> str:
        return f"a list of {len(elements)}: {', '.join(elements)}"

    def array(self, element: str, schema: Schema) -> str:
        return f"a list of {element}{limits(schema)}"

    def mapping(self, value: str, schema: Schema) -> str:
        return f"an object of {value}{limits(schema)}"

    def scalar(self, kind: str, schema: Schema) -> str:
        if schema.get("format") == "date-time":
            return "a time"
        return WORDS.get(kind, "anything") + limits(schema)


def limits(schema: Schema) -> str:
    """Bounds. Those that only 64 bits set, and that a text is not empty, say nothing to a person."""
    for lower, upper, counted in BOUNDS:
        least, most = bound(schema, lower), bound(schema, upper)
        if most is not None and least is not None:
            return f" ({least} to {most}{counted})"
        if most is not None:
            return f" (up to {most}{counted})"
        if least is not None and (least != "1" or not counted):
            return f" (at least {least}{counted})"
    return ""


def bound(schema: Schema, names: tuple[str, ...]) -> str | None:
    for name in names:
        if name in schema and abs(schema[name]) < 2**53:
            value = schema[name]
            shown = f"{value:,}" if isinstance(value, int) else f"{value:g}"
            return f"{WORDS_OF_EXCLUSIVE.get(name, '')}{shown}"
    return None
