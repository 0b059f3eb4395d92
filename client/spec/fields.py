"""What a spec's fields take, by the schema that the service checks it with."""

from typing import Any

from jobs.spec.job_spec import JobSpec

Schema = dict[str, Any]


class SpecFields:
    """The fields of a spec of this version. A newer service may have others."""

    def __init__(self) -> None:
        self._schema = JobSpec.model_json_schema()

    def find(self, names: list[str]) -> tuple[tuple[str, ...], set[str] | None]:
        """The field that `names` lead to, and the JSON types that it takes; None where nobody knows it.

        A label of `metadata` may have dots in it: there the rest of the names is one.
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

    def _section(self, schema: Schema) -> Schema:
        """Of what a field may be, the object; {} if it can be none."""
        for choice in self._choices(schema):
            if choice.get("type") == "object":
                return choice
        return {}

    def _types(self, schema: Schema) -> set[str]:
        return {choice["type"] for choice in self._choices(schema) if "type" in choice}

    def _choices(self, schema: Schema) -> list[Schema]:
        if "$ref" in schema:
            return self._choices(self._schema["$defs"][schema["$ref"].rpartition("/")[2]])
        for several in ("anyOf", "oneOf", "allOf"):
            if several in schema:
                return [choice for one in schema[several] for choice in self._choices(one)]
        return [schema]


def labels_of(section: Schema) -> Schema | None:
    """What the members of an object with names of one's own are, or None."""
    patterns = list(section.get("patternProperties", {}).values())
    others = section.get("additionalProperties")
    return patterns[0] if patterns else others if isinstance(others, dict) else None
