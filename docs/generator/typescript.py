"""`api/pages/static/types/records.d.ts`: the types of requests and records for the page's modules."""

import json
import re
from collections.abc import Sequence
from textwrap import indent
from typing import Any

from docs.generator.document import Schema, paragraph, schemas
from docs.generator.notation import type_of

HEAD = "// Made from the API's description by `make types`: change the records in `api/records/` instead.\n"

SCALARS = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
    "object": "Record<string, any>",
}


def typescript() -> str:
    """The module's source: a declaration for each schema."""
    return HEAD + "".join(declaration(name, schemas()[name]) for name in sorted(schemas()))


def declaration(name: str, schema: Schema) -> str:
    return f"\n{comment(schema)}export type {type_name(name)} = {type_of(schema, NOTATION)};\n"


def object_type(schema: Schema) -> str:
    required = set(schema.get("required", ()))
    lines = []
    for name, field in schema["properties"].items():
        mark = "" if name in required else "?"
        lines.append(f"{comment(field)}{key(name)}{mark}: {type_of(field, NOTATION)};\n")
    return "{\n" + indent("".join(lines), "  ") + "}"


def comment(schema: Schema) -> str:
    text = paragraph(str(schema.get("description", ""))).replace("*/", "* /")
    return f"/** {text} */\n" if text else ""


def key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_]\w*", name) else json.dumps(name)


def type_name(schema_name: str) -> str:
    """`Listing[JobRecord]` is called `Listing_JobRecord_` in the document."""
    return re.sub(r"\W", "_", schema_name)


class TypeScript:
    """A `Notation`."""

    def reference(self, name: str) -> str:
        return type_name(name)

    def either(self, choices: Sequence[str]) -> str:
        return " | ".join(choices)

    def all_of(self, parts: Sequence[str]) -> str:
        return " & ".join(parts)

    def literals(self, values: Sequence[Any]) -> str:
        return self.either([json.dumps(value) for value in values])

    def fixed_array(self, elements: Sequence[str]) -> str:
        return f"[{', '.join(elements)}]"

    def array(self, element: str, _: Schema) -> str:
        return f"({element})[]" if " | " in element or " & " in element else f"{element}[]"

    def mapping(self, value: str, _: Schema) -> str:
        return f"Record<string, {value}>"

    def scalar(self, kind: str, schema: Schema) -> str:
        if schema.get("properties"):
            return object_type(schema)
        return SCALARS.get(kind, "any")


NOTATION = TypeScript()
