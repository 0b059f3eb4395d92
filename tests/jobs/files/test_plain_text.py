import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobs.files.arriving_text import BadText, TextFacts
from jobs.files.plain_text import read_plain_text
from tests.model.texts import TEXTS


def blocks_of(content: bytes, size: int) -> list[bytes]:
    return [content[start : start + size] for start in range(0, len(content), size)]


def read(content: bytes, size: int = 2**20) -> tuple[bytes, TextFacts]:
    facts = TextFacts()
    return b"".join(read_plain_text(blocks_of(content, size), facts)), facts


@given(text=TEXTS, size=st.integers(5, 40))
@example(text="\ufeffa", size=5)
def test_a_text_is_stored_as_it_was_sent_and_described_wherever_it_is_cut(text: str, size: int) -> None:
    content = f"a{text}".encode()
    stored, facts = read(content, size)
    assert stored == content
    assert facts == TextFacts(
        characters=len(text) + 1,
        first_lines=blocks_of(content, size)[0].decode(errors="ignore"),
        end_of_text_names=text.count("<|endoftext|>"),
    )


def test_a_byte_order_mark_is_stored_but_no_part_of_the_text() -> None:
    stored, facts = read("\ufeffabc".encode())
    assert stored == "\ufeffabc".encode()
    assert (facts.start_bytes, facts.characters, facts.first_lines) == (3, 3, "abc")


@pytest.mark.parametrize("size", range(1, 30))
def test_names_of_the_end_of_text_are_counted_wherever_they_are_cut(size: int) -> None:
    assert read(b"a<|endoftext|><|endoftext|>b<|endoftex" * 3, size)[1].end_of_text_names == 6


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
@pytest.mark.parametrize(
    ("content", "byte"), [(b"abcdef\xff", 6), ("n\xe9".encode() + b"\xe4\xbd", 3), (b"abc\xc3(", 3)]
)
def test_the_first_byte_that_is_not_utf8_is_named_wherever_the_text_is_cut(
    content: bytes, byte: int, size: int
) -> None:
    with pytest.raises(BadText, match=f"must be UTF-8 text; byte {byte} is not"):
        read(content, size)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must not be empty"),
        (b" \n\t" * 9, "must not be empty"),
        (b"\xef\xbb\xbf", "must not be empty"),
        (b"abcdefghijkl\0", "must not contain a NUL character; byte 12 is one"),
        ("a plain day ".encode("utf-16-le") * 9, "it looks like UTF-16 without a byte order mark"),
        ("a plain day ".encode("utf-16") * 9, "byte 0 is not, and it looks like UTF-16"),
        ("ein schöner Tag ".encode("cp1252") * 9, "byte 7 is not, and it looks like cp1252"),
        (b"\x1f\x8b\x08" + b"\xff" * 9, "this is not text but a gzip file"),
        (b'{"text": "a"}\n' * 3, r"looks like JSON Lines.*application/x-ndjson.*text_field"),
        (b'{"text": "a"}', "looks like JSON Lines"),
    ],
)
@pytest.mark.parametrize("size", [40, 1000])
def test_what_is_no_plain_text_is_refused(content: bytes, message: str, size: int) -> None:
    with pytest.raises(BadText, match=re.compile(message, re.DOTALL)):
        read(content, size)


def test_the_encoding_is_told_by_the_bytes_around_an_error_far_into_the_text() -> None:
    russian = "Съешь же ещё этих мягких французских булок, да выпей чаю. ".encode()
    with pytest.raises(BadText, match="it is damaged there"):
        read(russian * 4000 + b"\xff" + russian * 4000, 2**16)
