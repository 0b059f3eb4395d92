import json
import math

import pytest

from client.render import as_duration, as_size, clean, one_line, print_json


@pytest.mark.parametrize(
    ("hostile", "harmless"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bP+q544e\x1b\\after", "after"),
        ("\x9b2Jcleared", "cleared"),
        ("\x1bcreset", "reset"),
        ("a\rb\x08c\x00d\x7fe", "abcde"),
        ("abc\u202edcba", "abcdcba"),
        ("\x1b[\x1b[31mx", "x"),
        ("\x1b]0;never ended", "0;never ended"),
        ("keeps\nlines\tand tabs, ü, 語, 🙂", "keeps\nlines\tand tabs, ü, 語, 🙂"),
    ],
)
def test_escapes_and_control_characters_are_stripped(hostile: str, harmless: str) -> None:
    assert clean(hostile) == harmless


def test_no_control_character_survives_anywhere() -> None:
    everything = "".join(map(chr, range(0x100)))
    assert all(c in "\n\t" or c.isprintable() or c in "\xa0\xad" for c in clean(everything * 2))


def test_one_line_has_no_newline() -> None:
    assert one_line(" a\n\n b\tc ") == "a b c"


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "-"), (0, "0:00"), (59.6, "1:00"), (125, "2:05"), (3723, "1:02:03")]
)
def test_durations(seconds: float | None, text: str) -> None:
    assert as_duration(seconds) == text


@pytest.mark.parametrize(
    ("size_bytes", "text"), [(None, "-"), (999, "999 B"), (1500, "1.5 kB"), (649_700_000, "649.7 MB")]
)
def test_sizes(size_bytes: int | None, text: str) -> None:
    assert as_size(size_bytes) == text


def test_json_for_machines_has_null_where_a_number_is_not_finite(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"rows": [{"loss": math.nan}, {"loss": math.inf}, {"loss": 1.5}]})
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail) == {
        "rows": [{"loss": None}, {"loss": None}, {"loss": 1.5}]
    }
