"""Numbers on the command line, with errors in plain words: typer alone would answer in pydantic's."""

import math
import re
from collections.abc import Callable

import typer

WHOLE = re.compile(r"[-+]?[0-9]{1,100}")
NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")


def whole_number(least: int | None = None, most: int | None = None) -> Callable[[str], int]:
    """A parser for an option that takes whole numbers between these, both included."""

    def parse(text: str) -> int:
        # The default comes through here as well, as a number.
        if not WHOLE.fullmatch(str(text)):
            raise typer.BadParameter("it must be a whole number")
        value = int(text)
        if least is not None and value < least:
            raise typer.BadParameter(f"it must be at least {least}")
        if most is not None and value > most:
            raise typer.BadParameter(f"it must be at most {most}")
        return value

    return parse


def number(text: str) -> float:
    """The number that an option's value says."""
    if not NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        raise typer.BadParameter("it must be a number, such as 0.7")
    return float(text)
