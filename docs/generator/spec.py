"""`docs/reference/spec.md`: a job's spec, field by field."""

import json
from typing import Any

from docs.generator.document import Schema, paragraph, referred, schemas
from docs.generator.markdown import cell, code_block, made_by
from docs.generator.words import in_words
from jobs.spec.job_spec import JobSpec
from jobs.spec.presets import PRESETS

HEAD = """# A job's spec

What `POST /jobs` and `pretrain submit` take. Every field has a default, so that `{}` is a valid spec: it
is the lecture's job. Fields that are given override those of the preset. Unknown fields are refused, and
so is a value that is not supported yet. The answer's `spec` has every field filled in.

On the command line a field is set by its path: `--set training.learning_rate=1e-3`.

"""


def spec() -> str:
    parts = [HEAD, "## The whole\n\n", section("JobSpec", "")]
    for field, schema in schemas()["JobSpec"]["properties"].items():
        if name := section_name(schema):
            parts += [f"\n## `{field}`\n\n", description(name), section(name, f"{field}.")]
    parts.append(presets())
    filled = json.dumps(JobSpec().model_dump(mode="json"), indent=2)
    parts.append(f"\n## The lecture's job, filled in\n\n{code_block(filled, 'json')}")
    return made_by("".join(parts))


def section_name(schema: Schema) -> str | None:
    """The schema of the objects that a field takes, if it takes any."""
    choices = [schema, *schema.get("anyOf", []), *schema.get("allOf", []), schema.get("items", {})]
    names = [name for choice in choices if (name := referred(choice))]
    return next((name for name in names if "properties" in schemas()[name]), None)


def description(schema_name: str) -> str:
    text = schemas()[schema_name].get("description")
    return f"{paragraph(text)}\n\n" if text else ""


def section(schema_name: str, path: str) -> str:
    head = "| field | takes | default | meaning |\n| --- | --- | --- | --- |\n"
    fields = schemas()[schema_name]["properties"].items()
    return head + "".join(row(f"{path}{field}", schema) for field, schema in fields)


def row(path: str, schema: Schema) -> str:
    inner = section_name(schema)
    meaning = paragraph(schema.get("description", ""))
    if inner and not meaning:
        meaning = paragraph(schemas()[inner].get("description", "")).partition(". ")[0].rstrip(".") + "."
    takes = in_words(schema, lambda _: f"[an object](#{path})")
    cells = [f"`{path}`", takes, default_of(schema, inner), meaning]
    return f"| {' | '.join(map(cell, cells))} |\n"


def default_of(schema: Schema, inner: str | None) -> str:
    if "default" not in schema or (inner and isinstance(schema["default"], dict)):
        return "its fields'" if inner else "none"
    return f"`{json.dumps(schema['default'])}`"


def presets() -> str:
    parts = [
        "\n## Presets\n\nA preset does nothing but fill in fields: ",
        "equal filled specs give equal weights.\n\n",
        "| preset | what it sets |\n| --- | --- |\n",
    ]
    for name, fields in PRESETS.items():
        values = ", ".join(f"`{path}` {json.dumps(value)}" for path, value in leaves(fields))
        parts.append(f"| `{name}` | {cell(values) or 'nothing: the defaults are the lecture’s'} |\n")
    return "".join(parts)


def leaves(fields: dict[str, Any], path: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in fields.items():
        found += leaves(value, f"{path}{name}.") if isinstance(value, dict) else [(f"{path}{name}", value)]
    return found
