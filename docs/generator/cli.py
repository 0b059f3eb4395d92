"""`docs/reference/cli.md`: every command, as `--help` has it."""

from typing import Any

import typer.main

from client.commands.app import app
from docs.generator.document import paragraph
from docs.generator.markdown import cell, code_block, made_by

HEAD = """# Command line

The commands ask the service that `pretrain up` started in the same folder, or the one that `PRETRAIN_URL`
or `--url` names. `--json` prints machine-readable output, the service's own records where there are any;
it and `--url` may also stand before the command. Results go to standard output, messages to standard
error. The exit status is 0, 1 for a failed job or request, 2 for wrong usage, 130 after Ctrl-C, and 141
when the reader of the output left.

`pretrain --install-completion` lets the shell complete commands, options, presets
and the fields of a spec.

"""
EVERYWHERE = {"as_json", "url", "help"}
"""Parameters that the head tells of."""


def cli() -> str:
    root: Any = typer.main.get_command(app)
    parts = [HEAD]
    for name, command in root.commands.items():
        if inner := getattr(command, "commands", None):
            parts.append(f"## `pretrain {name}`\n\n{paragraph(command.help)}\n\n")
            parts += [described(f"pretrain {name} {verb}", each, "###") for verb, each in inner.items()]
        else:
            parts.append(described(f"pretrain {name}", command, "##"))
    return made_by("".join(parts))


def described(name: str, command: Any, level: str) -> str:
    parameters = [each for each in command.params if each.name not in EVERYWHERE]
    arguments = [each for each in parameters if each.param_type_name == "argument"]
    options = [each for each in parameters if each.param_type_name == "option"]
    usage = [name, *map(argument_name, arguments), *(["[OPTIONS]"] if options else [])]
    lines = [f"{level} `{name}`\n\n", f"{paragraph(command.help)}\n\n", code_block(" ".join(usage)), "\n"]
    if parameters:
        lines.append("| | meaning |\n| --- | --- |\n")
        lines += [f"| `{argument_name(each)}` | {cell(each.help)} |\n" for each in arguments]
        lines += [f"| {option_names(each)} | {cell(option_help(each))} |\n" for each in options]
        lines.append("\n")
    return "".join(lines)


def argument_name(argument: Any) -> str:
    name = argument.metavar or argument.name.upper()
    return name if argument.required or name.startswith("[") else f"[{name}]"


def option_names(option: Any) -> str:
    names = [", ".join(f"`{each}`" for each in (*option.opts, *option.secondary_opts))]
    if not option.is_flag and option.metavar:
        names.append(f"`{option.metavar}`")
    return cell(" ".join(names))


def option_help(option: Any) -> str:
    default = option.default
    told = default not in (None, False, ()) and not callable(default)
    return option.help + (f" Default: `{default}`." if told else "")
