"""What the terminal shows: text made safe, numbers made readable, tables."""

import re
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobs.strict_json import to_json

# ECMA-48: control sequences (CSI), and strings (OSC, DCS, SOS, PM, APC) up to their terminator. Whatever
# does not match whole loses its control characters below and stays as harmless letters.
ESCAPE_SEQUENCE = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]"
    "|(?:\x1b[\\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\\\|\x9c)"
    "|\x1b[ -/]*[0-~]"
)
# Bidirectional overrides and isolates, with which text can show in another order than it is written.
BIDI_CONTROLS = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def clean(text: object) -> str:
    """`text` without terminal escapes and control characters; newlines and tabs stay.

    Names, prompts and generated text come from elsewhere: printed raw they could recolour, erase or retitle
    the terminal, or type into it.
    """
    bare = ESCAPE_SEQUENCE.sub("", str(text))
    return "".join(
        character
        for character in bare
        if character in "\n\t" or not (unicodedata.category(character) == "Cc" or character in BIDI_CONTROLS)
    )


def one_line(text: object) -> str:
    """`text` cleaned, on one line."""
    return " ".join(clean(text).split())


def optional(value: object, pattern: str = "{}") -> str:
    """`value` formatted by `pattern`, or a dash for None."""
    return "-" if value is None else one_line(pattern.format(value))


def as_loss(value: float | None) -> str:
    return optional(value, "{:.3f}")


def as_count(value: int | None) -> str:
    return optional(value, "{:,}")


def as_duration(seconds: float | None) -> str:
    """Hours, minutes and seconds: `1:02:03`, or `2:03` below an hour."""
    if seconds is None:
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def as_size(size_bytes: int | None) -> str:
    """Bytes in the largest decimal unit that leaves at least 1: `649.7 MB`."""
    if size_bytes is None:
        return "-"
    size = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def print_json(value: Any) -> None:
    """Print `value` for machines; a number that is not finite is null. Escaping all but ASCII keeps control
    characters from the terminal."""
    print(to_json(value, indent=2))


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows of already formatted cells; headings that end in `#` are numbers, set to the right."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        number = heading.endswith("#")
        table.add_column(heading.removesuffix("#"), justify="right" if number else "left", no_wrap=number)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console(sys.stdout).print(table)


def console(stream: Any) -> Console:
    """A rich console that takes text literally: no markup, no emoji codes, no highlighting."""
    # Elsewhere than on a terminal rich assumes 80 columns and would cut tables that scripts read.
    width = None if stream.isatty() else 200
    return Console(file=stream, markup=False, emoji=False, highlight=False, width=width)


def complain(message: object) -> None:
    """Print a message for the person, on stderr."""
    print(clean(message), file=sys.stderr, flush=True)
