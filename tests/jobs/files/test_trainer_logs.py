from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.files.trainer_logs import (
    BLOCK_BYTES,
    MAX_LINE_CHARACTERS,
    NEXT_SEGMENT,
    Dropped,
    end_of_log,
    last_lines,
    list_segments,
    read_log,
    readable,
    segment_name,
)


def write(folder: Path, **segments: bytes) -> None:
    """Segments by their places: `at_0=b"..."`."""
    for name, content in segments.items():
        (folder / segment_name(int(name.removeprefix("at_")))).write_bytes(content)


def text_of(*blocks: bytes | Dropped) -> str:
    return "".join(readable(blocks))


def test_a_trainer_that_has_written_nothing_has_an_empty_log(tmp_path: Path) -> None:
    folder = tmp_path / "none"
    assert (list_segments(folder), list(read_log(folder)), end_of_log(folder)) == ([], [], 0)
    assert end_of_log(folder, whole_lines=True) == 0


def test_segments_are_read_in_their_order_as_one(tmp_path: Path) -> None:
    write(tmp_path, at_6=b"second", at_0=b"first ", at_12=b" third")
    assert (
        b"".join(block for block in read_log(tmp_path) if isinstance(block, bytes)) == b"first second third"
    )
    assert list(read_log(tmp_path, 4, 8)) == [b"t ", b"se"]
    assert list(read_log(tmp_path, 18)) == []
    assert end_of_log(tmp_path) == 18


def test_what_was_dropped_is_told_by_its_size_and_leaves_the_places_behind_it(tmp_path: Path) -> None:
    write(tmp_path, at_0=b"head", at_100=b"tail")
    assert list(read_log(tmp_path)) == [b"head", Dropped(96), b"tail"]
    assert list(read_log(tmp_path, 50)) == [Dropped(50), b"tail"]
    assert list(read_log(tmp_path, 102)) == [b"il"]
    assert end_of_log(tmp_path) == 104


def test_the_newest_segment_is_read_before_it_has_its_name(tmp_path: Path) -> None:
    write(tmp_path, at_0=b"head ")
    (tmp_path / NEXT_SEGMENT).write_bytes(b"next")
    assert list(read_log(tmp_path)) == [b"head ", b"next"]
    assert end_of_log(tmp_path) == 9


def test_bytes_that_two_segments_have_are_read_once(tmp_path: Path) -> None:
    write(tmp_path, at_0=b"abcdefgh", at_4=b"efgh")
    assert list(read_log(tmp_path)) == [b"abcd", b"efgh"]


def test_a_segment_that_is_dropped_while_it_is_read_is_part_of_the_gap(tmp_path: Path) -> None:
    write(tmp_path, at_0=b"head", at_4=b"middle", at_10=b"tail")
    reading = read_log(tmp_path)
    assert next(reading) == b"head"
    (tmp_path / segment_name(4)).unlink()
    assert list(reading) == [Dropped(6), b"tail"]


@pytest.mark.parametrize("line_end", [b"\n", b"\r"])
def test_a_log_that_is_still_written_ends_behind_its_last_whole_line(tmp_path: Path, line_end: bytes) -> None:
    write(tmp_path, at_0=b"one" + line_end, at_4=b"two" + line_end + b"thr")
    assert end_of_log(tmp_path, whole_lines=True) == 8
    assert end_of_log(tmp_path) == 11


def test_a_line_that_does_not_end_is_not_waited_for_without_end(tmp_path: Path) -> None:
    write(tmp_path, at_0=b"x" * (BLOCK_BYTES - 1))
    assert end_of_log(tmp_path, whole_lines=True) == 0
    write(tmp_path, at_0=b"x" * (BLOCK_BYTES + 1))
    assert end_of_log(tmp_path, whole_lines=True) == BLOCK_BYTES + 1


def test_junk_and_terminal_escapes_do_not_reach_the_reader() -> None:
    assert (
        text_of(b"\x1b[31mred\x1b[0m \x1b]0;title\x07and \xff\xfe\x00 caf\xc3\xa9\n")
        == "red and \ufffd\ufffd caf\u00e9\n"
    )
    assert text_of(b"10 %\r20 %\r\n30 %\r") == "10 %\n20 %\n30 %\n"


def test_characters_and_escapes_that_blocks_divide_are_whole() -> None:
    text = "\x1b[1mbold\x1b[0m \u00e9\U0001f600\r\nend".encode()
    for cut in range(len(text)):
        assert text_of(text[:cut], text[cut:]) == "bold \u00e9\U0001f600\nend", cut


def test_a_gap_is_a_line_of_its_own() -> None:
    assert text_of(b"begun \xc3", Dropped(1234567), b"\xa9 gone on\n") == (
        "begun \ufffd\n[... 1,234,567 bytes are not kept ...]\n\ufffd gone on\n"
    )
    assert text_of(b"line\n", Dropped(1)) == "line\n[... 1 bytes are not kept ...]\n"


def test_a_line_without_an_end_is_read_in_pieces() -> None:
    pieces = list(readable([b"x" * MAX_LINE_CHARACTERS] * 3))
    assert "".join(pieces) == "x" * 3 * MAX_LINE_CHARACTERS
    assert len(pieces) > 1


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_any_bytes_become_text_without_controls_that_utf8_can_hold(blocks: list[bytes]) -> None:
    text = text_of(*blocks)
    text.encode()
    assert not [character for character in text if ord(character) < 32 and character not in "\n\t"]


@given(st.text(alphabet="ab\n", max_size=40), st.integers(1, 8), st.integers(1, 5))
def test_the_last_lines_are_those_of_the_whole_text(text: str, count: int, size: int) -> None:
    def pieces() -> Iterator[str]:
        for start in range(0, len(text), size):
            yield text[start : start + size]

    assert last_lines(pieces(), count) == text.splitlines(keepends=True)[-count:]
