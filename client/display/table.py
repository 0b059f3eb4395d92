"""Tables, fitted to the terminal's width."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from client.display.streams import can_show

GAP = 2
"""Between columns."""
MIN_SHRUNK_WIDTH = 8


def print_table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    drop_order: Sequence[str] = (),
    shrinkable: str | None = None,
    short_cells: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Print rows of formatted cells. On a terminal that is too narrow, columns are shortened or dropped.

    headings     those that end in `#` are numbers, aligned to the right
    drop_order   columns that may be dropped, the first of them first
    short_cells  by column, shorter cells, which are tried before it is dropped
    shrinkable   the column whose cells may be cut, and end in dots
    """
    columns = [
        TableColumn.of(heading, [row[index] for row in rows]) for index, heading in enumerate(headings)
    ]
    width = console(sys.stdout).width if sys.stdout.isatty() else None
    short = {name: TableColumn.of(name, list(cells)) for name, cells in (short_cells or {}).items()}
    shown = first_that_fits(layouts(columns, drop_order, short), width, shrinkable)
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
    # Rich would fold a line that is too long; the terminal does that itself.
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


def layouts(
    columns: list[TableColumn], drop_order: Sequence[str], short: Mapping[str, TableColumn]
) -> Iterator[list[TableColumn]]:
    """All columns, then ever narrower choices: a column is replaced by its short one, if any, then
    dropped."""
    yield columns
    for name in drop_order:
        if name in short:
            columns = [short[name] if column.heading == name else column for column in columns]
            yield columns
        columns = [column for column in columns if column.heading != name]
        yield columns


def first_that_fits(
    layouts: Iterator[list[TableColumn]], width: int | None, shrinkable: str | None
) -> list[TableColumn]:
    """The first layout that fits into `width`, else the last; the first if there is no limit."""
    for columns in layouts:
        missing = 0 if width is None else table_width(columns) - width
        if width is None or missing <= 0:
            return columns
        shrunk = [
            replace(column, width=max(column.width - missing, min(column.width, MIN_SHRUNK_WIDTH)))
            if column.heading == shrinkable
            else column
            for column in columns
        ]
        if table_width(shrunk) <= width:
            return shrunk
    return columns


def console(stream: Any, width: int | None = None) -> Console:
    """A rich console that takes text literally: no markup, no emoji codes, no highlighting.

    It treats `stream` as a terminal only if it is one, whatever the environment says.
    """
    return Console(
        file=stream,
        markup=False,
        emoji=False,
        highlight=False,
        width=width,
        force_terminal=stream.isatty(),
    )
