"""What the terminal shows: numbers made readable, tables, messages."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from client.display.plain_text import clean, one_line
from client.display.streams import can_show
from client.errors import ClientError
from jobs.spec.strict_json import to_json

GAP = 2
MIN_SHRUNK = 8


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
    try:
        text = to_json(value, indent=2)
    except RecursionError as error:
        raise ClientError("the service's answer nests too deep to be printed") from error
    print(text)


def print_table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    give_way: Sequence[str] = (),
    shrinks: str | None = None,
    in_short: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Print rows of already formatted cells. Nothing is cut but the column that `shrinks`.

    headings  those that end in `#` are numbers, set to the right
    give_way  columns that are left out on a terminal that is too narrow, the first of them first
    in_short  by column, shorter cells, which are tried before that column is left out
    shrinks   the column whose cells may end in dots there
    """
    columns = [
        TableColumn.of(heading, [row[place] for row in rows]) for place, heading in enumerate(headings)
    ]
    width = console(sys.stdout).width if sys.stdout.isatty() else None
    short = {name: TableColumn.of(name, list(cells)) for name, cells in (in_short or {}).items()}
    shown = columns_that_fit(narrower_and_narrower(columns, give_way, short), width, shrinks)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in shown:
        table.add_column(
            column.heading,
            justify="right" if column.is_number else "left",
            width=column.width,
            no_wrap=True,
            overflow="ellipsis" if can_show("…", sys.stdout) else "crop",
        )
    for cells in zip(*(column.cells for column in shown), strict=True):
        table.add_row(*map(Text, cells))
    # What rich believes has room it does not fold; a terminal folds a line that is too long by itself.
    console(sys.stdout, width=table_width(shown)).print(table)


@dataclass(frozen=True)
class TableColumn:
    heading: str
    is_number: bool
    cells: list[str]
    width: int

    @classmethod
    def of(cls, heading: str, cells: list[str]) -> Self:
        name = heading.removesuffix("#")
        return cls(name, heading.endswith("#"), cells, max(map(cell_len, [name, *cells])))


def table_width(columns: Sequence[TableColumn]) -> int:
    return sum(column.width for column in columns) + GAP * (len(columns) - 1)


def narrower_and_narrower(
    columns: list[TableColumn], give_way: Sequence[str], short: Mapping[str, TableColumn]
) -> Iterator[list[TableColumn]]:
    """The columns, first all, then fewer: each that gives way is first replaced by its short one, if any."""
    yield columns
    for name in give_way:
        if name in short:
            columns = [short[name] if column.heading == name else column for column in columns]
            yield columns
        columns = [column for column in columns if column.heading != name]
        yield columns


def columns_that_fit(
    choices: Iterator[list[TableColumn]], width: int | None, shrinks: str | None
) -> list[TableColumn]:
    """The first choice that `width` has room for, else the last; the first where nothing limits it."""
    for columns in choices:
        missing = 0 if width is None else table_width(columns) - width
        if width is None or missing <= 0:
            return columns
        shrunk = [
            replace(column, width=max(column.width - missing, min(column.width, MIN_SHRUNK)))
            if column.heading == shrinks
            else column
            for column in columns
        ]
        if table_width(shrunk) <= width:
            return shrunk
    return columns


def console(stream: Any, width: int | None = None) -> Console:
    """A rich console that takes text literally: no markup, no emoji codes, no highlighting.

    It is a terminal's only where `stream` is one, whatever the environment says.
    """
    return Console(
        file=stream,
        markup=False,
        emoji=False,
        highlight=False,
        width=width,
        force_terminal=stream.isatty(),
    )


def complain(message: object) -> None:
    """Print a message for the person, on stderr."""
    print(clean(message), file=sys.stderr, flush=True)
