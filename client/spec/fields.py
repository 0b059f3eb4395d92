"""The types of a spec's fields, by the JSON schema that the service documents."""

from typing import Any

from jobs.spec.job_spec import JobSpec

Schema = dict[str, Any]


class SpecFields:
    """The fields of a spec of this version. A newer service may have others."""

    def __init__(self) -> None:
        self._schema = JobSpec.model_json_schema()

    def find(self, names: list[str]) -> tuple[tuple[str, ...], set[str] | None]:
        """The path of a field, and the JSON types that it takes; None for an unknown field.

        A label of `metadata` may have dots in it: there the remaining names are one.
        """
        schema = self._schema
        for depth, name in enumerate(names):
            section = self._section(schema)
            if name in section.get("properties", {}):
                schema = section["properties"][name]
                continue
            if labels := labels_of(section):
                return (*names[:depth], ".".join(names[depth:])), self._types(labels)
            return tuple(names), None
        return tuple(names), self._types(schema)

    def paths(self) -> list[str]:
        """The dotted paths of all fields, sections among them."""
        return self._paths(self._schema, "")

    def _paths(self, schema: Schema, path: str) -> list[str]:
        found = []
        for name, child in self._section(schema).get("properties", {}).items():
            found += [f"{path}{name}", *self._paths(child, f"{path}{name}.")]
        return found

    def _section(self, schema: Schema) -> Schema:
        """The object among the types of a field; {} if there is none."""
        for choice in self._choices(schema):
            if choice.get("type") == "object":
                return choice
        return {}

    def _types(self, schema: Schema) -> set[str]:
        return {choice["type"] for choice in self._choices(schema) if "type" in choice}

    def _choices(self, schema: Schema) -> list[Schema]:
        if "$ref" in schema:
            return self._choices(self._schema["$defs"][schema["$ref"].rpartition("/")[2]])
        for keyword in ("anyOf", "oneOf", "allOf"):
            if keyword in schema:
                return [choice for part in schema[keyword] for choice in self._choices(part)]
        return [schema]


def labels_of(section: Schema) -> Schema | None:
    """The schema of an object's values if its names are free; else None."""
    patterns = list(section.get("patternProperties", {}).values())
    others = section.get("additionalProperties")
    return patterns[0] if patterns else others if isinstance(others, dict) else None
