"""Tables on terminals of any width."""

import io
import re

import pytest

from client.display.record_tables import print_jobs
from client.display.table import print_table
from tests.client.service import job_record

ROWS = [["job-0123456789abcdef", "a rather long name of a job", "running", "1,234/10,000", "7.123"]]


HEADINGS = ["ID", "NAME", "STATUS", "STEP#", "TRAIN#"]


DROP_ORDER = ["TRAIN", "STEP", "NAME", "STATUS"]


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def table_on(terminal: Terminal, columns: int) -> list[list[str]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(columns))
        patch.setattr("sys.stdout", terminal)
        print_table(HEADINGS, ROWS, drop_order=DROP_ORDER, shrinkable="NAME")
    plain = re.sub("\x1b\\[[0-9;]*m", "", terminal.getvalue())
    lines = plain.splitlines()
    assert columns < 20 or max(map(len, lines)) <= columns
    return [re.split("  +", line.strip()) for line in lines]


@pytest.mark.parametrize(
    ("columns", "headings", "row"),
    [
        (200, HEADINGS, ROWS[0]),
        (70, HEADINGS, ["job-0123456789abcdef", "a rather long nam…", "running", "1,234/10,000", "7.123"]),
        (
            58,
            ["ID", "NAME", "STATUS", "STEP"],
            ["job-0123456789abcdef", "a rather lon…", "running", "1,234/10,000"],
        ),
        (40, ["ID", "NAME", "STATUS"], ["job-0123456789abcdef", "a rather…", "running"]),
        (30, ["ID", "STATUS"], ["job-0123456789abcdef", "running"]),
        (20, ["ID"], ["job-0123456789abcdef"]),
        (10, ["ID"], ["job-0123456789abcdef"]),
    ],
)
def test_on_a_narrow_terminal_other_columns_give_way_to_ids_and_numbers(
    columns: int, headings: list[str], row: list[str]
) -> None:
    assert table_on(Terminal(), columns) == [[h.removesuffix("#") for h in headings], row]


@pytest.mark.parametrize(
    ("columns", "row"),
    [
        (60, ["job-0123456789abcdef01234", "running (cancel requested)"]),
        (40, ["job-0123456789abcdef01234", "running"]),
        (30, ["job-0123456789abcdef01234"]),
    ],
)
def test_on_a_narrow_terminal_the_word_of_a_status_stays(
    columns: int, row: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_record(id="job-0123456789abcdef01234", stopping="cancel")
    terminal = Terminal()
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("sys.stdout", terminal)
    print_jobs([job])
    line = re.sub("\x1b\\[[0-9;]*m", "", terminal.getvalue()).splitlines()[1]
    assert re.split("  +", line.strip()) == row


def test_elsewhere_than_on_a_terminal_a_table_is_as_wide_as_it_needs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("FORCE_COLOR", "1")
    print_table(
        HEADINGS,
        [["job-" + "0" * 250, "n" * 150, "queued", "0/1", "-"]],
        drop_order=DROP_ORDER,
        shrinkable="NAME",
    )
    line = capsys.readouterr().out.splitlines()[1]
    assert line.split() == ["job-" + "0" * 250, "n" * 150, "queued", "0/1", "-"]
