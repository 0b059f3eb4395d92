"""`docs/reference/python.md`: the Python client, method by method."""

import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any

from client import errors
from client.api.datasets import Datasets
from client.api.generation import Asking, GenerationOptions, TextStream
from client.api.job_history import LogPart
from client.api.jobs import Jobs
from client.api.models import Models
from client.api.pretrain import Pretrain
from client.api.service import Service
from client.api.tokenizers import Tokenizers
from client.api.tokens import Tokens
from client.api.webhooks import Webhooks
from docs.generator.markdown import code_block, made_by

HEAD = """# Python client

`from client import Pretrain`: the service as a Python object, by which the commands work too. It is typed
(`py.typed`) and loads neither torch nor pandas.

"""
GROUPS = {
    "pretrain.jobs": Jobs,
    "pretrain": (Asking, Service),
    "pretrain.datasets": Datasets,
    "pretrain.tokenizers": Tokenizers,
    "pretrain.models": Models,
    "pretrain.tokens": Tokens,
    "pretrain.webhooks": Webhooks,
}
ENTRY = re.compile(r"(\w+(?:, \w+)*)  +(.*)", re.DOTALL)
"""`name    what it means`."""
NO_PARAMETERS = ("raises", "returns")
BLOCKS = re.compile(r"\n\n|\n(?=\w+(?:, \w+)*  +\S)")
EXAMPLE = "    "
QUALIFIED = re.compile(r"\b(?:client|collections|typing|pathlib|types|builtins)(?:\.\w+)*\.(\w+)")


def python() -> str:
    parts = [HEAD, f"## `Pretrain`\n\n{code_block(signature('Pretrain', Pretrain.__init__), 'python')}\n"]
    parts.append(text_of(Pretrain))
    for place, classes in GROUPS.items():
        parts.append(f"## `{place}`\n\n")
        for kind in classes if isinstance(classes, tuple) else (classes,):
            if kind.__doc__ and isinstance(classes, tuple):
                parts.append(text_of(kind))
            parts += [method(f"{place}.{name}", function) for name, function in methods_of(kind)]
    parts.append("## What it takes and gives besides\n\n")
    for kind in (GenerationOptions, TextStream, LogPart):
        parts += [f"### `{kind.__name__}`\n\n", text_of(kind), fields_of(kind)]
    parts.append("## Errors\n\nIn `client.errors`.\n\n")
    for name, error in errors_of():
        base = error.__bases__[0].__name__
        parts += [f"### `{name}({base})`\n\n", text_of(error)]
    return made_by("".join(parts))


def methods_of(kind: type) -> Iterator[tuple[str, Any]]:
    """The public methods, in the order of their source; those of bases first."""
    seen: dict[str, Any] = {}
    for base in (*kind.__bases__, kind):
        if base.__module__.startswith("client."):
            own = vars(base) if base is kind else dict(methods_of(base))
            seen |= {name: each for name, each in own.items() if inspect.isfunction(each)}
    yield from ((name, each) for name, each in seen.items() if not name.startswith("_"))


def method(name: str, function: Any) -> str:
    return f"### `{name}`\n\n{code_block(signature(name, function), 'python')}\n{text_of(function)}"


def signature(name: str, function: Any) -> str:
    """As it is called, one parameter a line where it would be too long."""
    described = inspect.signature(function)
    parameters = [each for each in described.parameters.values() if each.name != "self"]
    plain = described.replace(parameters=parameters)
    text = QUALIFIED.sub(r"\1", f"{name}{plain}").replace("'", '"')
    text = re.sub(r'-> "(.*)"$', r"-> \1", text)
    if function is Pretrain.__init__:
        text = text.removesuffix(" -> None")
    if len(text) <= 100:
        return text
    inner, _, returned = text.partition("(")[2].rpartition(")")
    lines = ",\n".join(f"    {part}" for part in divided(inner))
    return f"{name}(\n{lines},\n){returned}"


def divided(parameters: str) -> list[str]:
    """The parameters of a signature, at commas that stand in no brackets."""
    parts, depth, begun = [], 0, 0
    for index, character in enumerate(parameters):
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            parts.append(parameters[begun:index].strip())
            begun = index + 1
    return [*parts, parameters[begun:].strip()]


def text_of(documented: Any) -> str:
    """A docstring: paragraphs, examples, which are indented, and what it says of each parameter."""
    text = inspect.getdoc(documented)
    if not text:
        return ""
    parts: list[str] = []
    for block in blocks_of(text.replace(". raises  ", ".\nraises  ")):
        if entry := ENTRY.fullmatch(block):
            name = entry[1] if entry[1] in NO_PARAMETERS else f"`{entry[1]}`"
            parts.append(f"- {name}: {' '.join(entry[2].split())}\n")
        elif block.startswith(EXAMPLE):
            parts.append(code_block(textwrap.dedent(block), "python") + "\n")
        else:
            parts.append(" ".join(block.split()) + "\n\n")
    return "".join(parts).rstrip() + "\n\n"


def blocks_of(text: str) -> list[str]:
    """Its paragraphs and entries; an example is one, whatever blank lines it has."""
    blocks: list[str] = []
    for block in BLOCKS.split(text):
        if block.startswith(EXAMPLE) and blocks and blocks[-1].startswith(EXAMPLE):
            blocks[-1] += f"\n\n{block}"
        else:
            blocks.append(block)
    return blocks


def fields_of(kind: type) -> str:
    """The fields of a type, with the texts that stand below them in the source."""
    source = inspect.getsource(kind)
    found = re.findall(r'\n    (\w+): ([^\n=]+)\n    """(.*?)"""', source, re.DOTALL)
    return "".join(f"- `{name}`, {kind}: {' '.join(text.split())}\n" for name, kind, text in found) + (
        "\n" if found else ""
    )


def errors_of() -> list[tuple[str, type[errors.ClientError]]]:
    kinds = [each for each in vars(errors).values() if inspect.isclass(each)]
    return [(each.__name__, each) for each in kinds if issubclass(each, errors.ClientError)]
