"""An option whose value may be left out, which typer does not have: `--plot` and `--plot FILE`."""

from typing import Any

from typer.core import TyperCommand

NO_VALUE = "(the terminal)"
OPTION = "--plot"


class PlotCommand(TyperCommand):
    """A command whose `--plot` takes what looks like a file, which no id does: `-`, or what has a dot or a
    slash in it."""

    def parse_args(self, context: Any, arguments: list[str]) -> list[str]:
        return super().parse_args(context, with_values(arguments))


def with_values(arguments: list[str]) -> list[str]:
    """The arguments, with a value for each `--plot` that has none."""
    following = [*arguments[1:], "--"]
    return [
        f"{OPTION}={NO_VALUE}" if argument == OPTION and not looks_like_file(after) else argument
        for argument, after in zip(arguments, following, strict=True)
    ]


def looks_like_file(text: str) -> bool:
    return text == "-" or (not text.startswith("-") and ("." in text or "/" in text))
