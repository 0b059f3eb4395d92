"""`client/records.py`: the API's records, and a job's spec, as types of Python."""

import subprocess
import sys
import textwrap
from collections.abc import Sequence
from typing import Any

from docs.generator.document import Schema, paragraph, reachable, schemas
from docs.generator.notation import type_of

HEAD = '''"""What the service answers with, and what a job's spec may have, as types.

Made from the API's description by `make docs`: change the records in `api/records/`, not these. They are
dictionaries at run time, decoded JSON as it came; a service of another version may send more fields or fewer.
"""

from typing import Any, Literal, TypedDict

'''

ANSWERS = (
    "JobRecord",
    "EstimateRecord",
    "LossRecord",
    "SampleRecord",
    "CheckpointRecord",
    "DeviceMetricsRecord",
    "EventRecord",
    "ProgressEventRecord",
    "GenerationRecord",
    "ScoreRecord",
    "DatasetRecord",
    "AddedDatasetRecord",
    "TextPartRecord",
    "TokenPartRecord",
    "TokenizerRecord",
    "ImportedModelRecord",
    "TokenRecord",
    "NewTokenRecord",
    "WebhookRecord",
    "DeliveryRecord",
    "AuditRecord",
    "LimitsRecord",
    "WorkerRecord",
    "DiskRecord",
    "PruneRecord",
)
SPEC = "JobSpec"
CHANGES = "JobChanges"
NAMES = {
    "ErrorRecord": "JobError",
    "ParentRecord": "ParentJob",
    "ParentModelRecord": "ParentModel",
    "AuditRecord": "AuditEntry",
    "DiskRecord": "Disk",
    "JobDiskRecord": "JobDisk",
    "PruneRecord": "Pruned",
    "PrunedRecord": "PrunedCheckpoint",
    "TokensRecord": "TokensOfText",
}
"""Where it is not the schema's without `Record`."""
TYPES = {("JobRecord", "spec"): SPEC, ("EstimateRecord", "spec"): SPEC}
"""Of fields that the API's description leaves open."""
SCALARS = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "null": "None",
    "object": "dict[str, Any]",
}
WIDTH = 106


def records() -> str:
    """The module's source."""
    needed = reachable([SPEC, CHANGES, *ANSWERS])
    return formatted(HEAD + "\n\n".join(definition(name) for name in needed))


def python_name(schema_name: str) -> str:
    return NAMES.get(schema_name, schema_name.removesuffix("Record"))


def definition(schema_name: str) -> str:
    schema, name = schemas()[schema_name], python_name(schema_name)
    if schema.get("type") != "object":
        return f"{name} = {type_of(schema, NOTATION)}"
    # What is sent leaves out what it does not care about; a record has all of its fields.
    base = "TypedDict, total=False" if schema_name in reachable([SPEC, CHANGES]) else "TypedDict"
    lines = [f"class {name}({base}):"]
    if description := schema.get("description"):
        lines += [*docstring(description), ""]
    for field, described in schema["properties"].items():
        kind = TYPES.get((schema_name, field)) or type_of(described, NOTATION)
        lines.append(f"    {field}: {kind}")
        if description := described.get("description"):
            lines += docstring(description)
    return "\n".join(lines) + "\n"


class Python:
    """A `Notation`."""

    def reference(self, name: str) -> str:
        return python_name(name)

    def either(self, choices: Sequence[str]) -> str:
        return " | ".join(choices)

    def all_of(self, parts: Sequence[str]) -> str:
        """Python has no type for that; where the API's description needs it, there is one part."""
        return self.either(parts)

    def literals(self, values: Sequence[Any]) -> str:
        return f"Literal[{', '.join(map(repr, values))}]"

    def fixed_array(self, elements: Sequence[str]) -> str:
        """Its elements are alike: decoded JSON has lists, whose types say nothing of each place."""
        return self.array(elements[0], {})

    def array(self, element: str, _: Schema) -> str:
        return f"list[{element}]"

    def mapping(self, value: str, _: Schema) -> str:
        return f"dict[str, {value}]"

    def scalar(self, kind: str, _: Schema) -> str:
        return SCALARS.get(kind, "Any")


NOTATION = Python()


def docstring(text: str) -> list[str]:
    quoted = f'"""{paragraph(text)}"""'
    return textwrap.wrap(
        quoted,
        WIDTH,
        initial_indent="    ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def formatted(source: str) -> str:
    """As `make check` wants it."""
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", "records.py", "-"]
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=True)
    return done.stdout
