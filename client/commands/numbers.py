"""Parsers for numbers on the command line, with errors in plain words."""

import math
import re
from collections.abc import Callable

import typer

WHOLE_NUMBER = re.compile(r"[-+]?[0-9]{1,100}")
DURATION = re.compile(r"(?P<count>[0-9]{1,6})(?P<unit>[smhdw])")
LAST_PORT = 65535
UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600, "w": 7 * 24 * 3600}
NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")


def whole_number(minimum: int | None = None, maximum: int | None = None) -> Callable[[str], int]:
    """A parser for whole numbers from `minimum` to `maximum`, both included."""

    def parse(text: str) -> int:
        # Typer passes the default through here as well, as a number.
        if not WHOLE_NUMBER.fullmatch(str(text)):
            raise typer.BadParameter("it must be a whole number")
        value = int(text)
        if minimum is not None and value < minimum:
            raise typer.BadParameter(f"it must be at least {minimum:,}")
        if maximum is not None and value > maximum:
            raise typer.BadParameter(f"it must be at most {maximum:,}")
        return value

    return parse


def port_number(text: str) -> int:
    """A parser for the TCP port to listen on."""
    # Typer passes the default through here as well, as a number.
    if not WHOLE_NUMBER.fullmatch(str(text)) or not 0 <= int(text) <= LAST_PORT:
        raise typer.BadParameter(f"it must be a port, from 1 to {LAST_PORT}, or 0 for any that is free")
    return int(text)


def number(text: str) -> float:
    """A parser for numbers."""
    if not NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        raise typer.BadParameter("it must be a number, such as 0.7")
    return float(text)


def duration_s(text: str) -> int:
    """A parser for durations, such as 30d; the seconds."""
    # Typer passes the default through here as well, as a number.
    match = DURATION.fullmatch(str(text))
    if match is None or int(match["count"]) == 0:
        raise typer.BadParameter("it must be a number with s, m, h, d or w behind it, such as 30d")
    return int(match["count"]) * UNIT_S[match["unit"]]
