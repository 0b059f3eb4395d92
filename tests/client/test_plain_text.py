"""Text from elsewhere on a terminal: nothing that acts, nothing that can't be seen."""

import subprocess
import sys
import unicodedata

import pytest
import regex

from client.plain_text import clean, one_line
from tests.waiting import PATIENCE_S

EVERY_CHARACTER = [chr(code) for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF]
# Unicode's own classes, as another library knows them; Python's tables are older and have some of them.
UNSEEN = regex.compile(r"[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]")


def is_unseen(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp"} or bool(UNSEEN.match(character))


@pytest.mark.parametrize(
    ("hostile", "harmless"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bP+q544e\x1b\\after", "after"),
        ("\x9b2Jcleared", "cleared"),
        ("\x9d0;title\x9cafter", "after"),
        ("\x1bcreset", "reset"),
        ("a\rb\x08c\x00d\x7fe", "abcde"),
        ("abc\u202edcba", "abcdcba"),
        ("pay\u200bpal \u2066x\u2069 \ufeffy\u00ad", "paypal x y"),
        ("a\U000e0041\U000e007fb\ufe0f\u3164c", "abc"),
        ("\U0001f469\u200d\U0001f467", "\U0001f469\U0001f467"),
        ("one\u2028two\u2029three\x85four", "one\ntwo\nthree\nfour"),
        ("\x1b[\x1b[31mx", "x"),
        ("\x1b]0;never ended", "0;never ended"),
        ("\x9dnever ended", "never ended"),
        ("\x1b[31", "31"),
        ("caf\udce9 \ud800", "caf\\udce9 \\ud800"),
        ("keeps\nlines\tand tabs, ü, 語, 🙂", "keeps\nlines\tand tabs, ü, 語, 🙂"),
    ],
)
def test_escapes_and_unseen_characters_are_stripped(hostile: str, harmless: str) -> None:
    assert clean(hostile) == harmless


def test_of_all_of_unicode_what_can_be_seen_stays_and_what_cannot_goes() -> None:
    stays = {character for character in EVERY_CHARACTER if clean(f"a{character}b") == f"a{character}b"}
    assert stays == {c for c in EVERY_CHARACTER if c in "\n\t" or not is_unseen(c)}


def test_no_two_characters_together_bring_back_what_was_stripped() -> None:
    everything = "".join(EVERY_CHARACTER)
    assert not [c for c in clean(everything + everything[::-1]) if c not in "\n\t" and is_unseen(c)]


@pytest.mark.slow
def test_any_text_is_cleaned_in_time_that_grows_as_it_does() -> None:
    """Where time grows as the square of the length, one of these texts alone takes a quarter of an hour."""
    clean_all = """
from client.plain_text import clean
for begin in ("", "\x1b]", "\x9b0"):
    for unit in "\x1b", "\x9d", "\x9b", "\x1b]", "\x1b[0", "\x1bP\x9d", "\x1b ", "0", "\u202e", "\x9c", "語":
        clean(begin + unit * 1_000_000)
"""
    subprocess.run([sys.executable, "-c", clean_all], check=True, timeout=PATIENCE_S)


def test_one_line_has_no_newline() -> None:
    assert one_line(" a\n\n b\tc\u2028d ") == "a b c d"
