"""`docs/reference/settings.md`: the environment variables."""

import types
import typing
from typing import Annotated, Any

from pydantic import ByteSize
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from docs.generator.document import paragraph
from docs.generator.markdown import cell, made_by
from jobs.settings import Settings

HEAD = """# Settings

Environment variables, read by every process of a service; `pretrain up` needs none of them. Sizes are
written as `16GiB` or in bytes, times in seconds, lists with commas between their entries. A wrong one is
told with what would be right, and nothing starts.

| variable | meaning | takes | default |
| --- | --- | --- | --- |
"""
TAIL = """
The commands and the Python client read two more.

| variable | meaning | default |
| --- | --- | --- |
| `PRETRAIN_URL` | the service that they ask | the one of this folder, else `http://127.0.0.1:8000` |
| `PRETRAIN_TOKEN` | the access token that they send | none |
"""
KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
UNITS = (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))


def settings() -> str:
    rows = [row(name, field) for name, field in Settings.model_fields.items()]
    return made_by(HEAD + "".join(rows) + TAIL)


def row(name: str, field: FieldInfo) -> str:
    cells = [
        f"`{Settings.model_config['env_prefix']}{name.upper()}`",
        paragraph(field.description or ""),
        taken(name, field),
        default(field),
    ]
    return f"| {' | '.join(map(cell, cells))} |\n"


def taken(name: str, field: FieldInfo) -> str:
    kind = without_none(field.annotation)
    if name.endswith("_s"):
        return "seconds"
    if typing.get_origin(kind) is typing.Literal:
        return " or ".join(f"`{value}`" for value in typing.get_args(kind))
    if kind is ByteSize:
        return "a size"
    if typing.get_origin(kind) is tuple:
        return "a list"
    return KINDS.get(kind, "a path")


def without_none(annotation: Any) -> Any:
    if typing.get_origin(annotation) is Annotated:
        return without_none(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        [kind] = [choice for choice in typing.get_args(annotation) if choice is not type(None)]
        return without_none(kind)
    return annotation


def default(field: FieldInfo) -> str:
    value = field.default
    if value is None or value is PydanticUndefined or value == ():
        return "none"
    if isinstance(value, ByteSize):
        return size(value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def size(size_bytes: int) -> str:
    if size_bytes == 0:
        return "`0`"
    for unit, factor in UNITS:
        if size_bytes % factor == 0:
            return f"`{size_bytes // factor}{unit}`"
    return f"`{size_bytes}`"
