"""The API's description, `/openapi.json`, as the application makes it."""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from api.app import make_application
from api.http.openapi import schema_of
from api.records.events import ProgressEventRecord

Schema = dict[str, Any]


@cache
def document() -> Schema:
    described: Schema = make_application().api_doc
    return described


def schemas() -> dict[str, Schema]:
    """The shapes of bodies, by their names, and that of the event which only streams have."""
    found: dict[str, Schema] = document()["components"]["schemas"]
    name = ProgressEventRecord.__name__
    return {**found, name: schema_of(ProgressEventRecord, "serialization", found)}


def referred(schema: Schema) -> str | None:
    """The name of the schema that this one refers to, if it does nothing else."""
    reference = schema.get("$ref")
    return None if reference is None else str(reference).rpartition("/")[2]


def references(schema: Any) -> Iterator[str]:
    """The names of all schemas that this one refers to itself."""
    if isinstance(schema, dict):
        if name := referred(schema):
            yield name
        for child in schema.values():
            yield from references(child)
    elif isinstance(schema, list):
        for child in schema:
            yield from references(child)


def reachable(names: Iterable[str]) -> list[str]:
    """The names of these and of all that they need, each behind those that it refers to."""
    found: dict[str, None] = {}

    def visit(name: str) -> None:
        if name not in found:
            for inner in sorted(set(references(schemas()[name]))):
                visit(inner)
            found[name] = None

    for name in names:
        visit(name)
    return list(found)


def paragraph(text: str) -> str:
    """A docstring on one line."""
    return " ".join(text.split())
