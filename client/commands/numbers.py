"""Parsers for numbers on the command line, with errors in plain words."""

import math
import re
from collections.abc import Callable

import typer

WHOLE_NUMBER = re.compile(r"[-+]?[0-9]{1,100}")
NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")


def whole_number(minimum: int | None = None, maximum: int | None = None) -> Callable[[str], int]:
    """A parser for whole numbers from `minimum` to `maximum`, both included."""

    def parse(text: str) -> int:
        # Typer passes the default through here as well, as a number.
        if not WHOLE_NUMBER.fullmatch(str(text)):
            raise typer.BadParameter("it must be a whole number")
        value = int(text)
        if minimum is not None and value < minimum:
            raise typer.BadParameter(f"it must be at least {minimum}")
        if maximum is not None and value > maximum:
            raise typer.BadParameter(f"it must be at most {maximum}")
        return value

    return parse


def number(text: str) -> float:
    """A parser for numbers."""
    if not NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        raise typer.BadParameter("it must be a number, such as 0.7")
    return float(text)
