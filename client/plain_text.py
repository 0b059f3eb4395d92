"""Text from elsewhere, made safe for a terminal: names, prompts, messages, what a model generated."""

import re

from jobs.validation.terminal import ESCAPE_SEQUENCE

# Unicode's categories Cc but newline and tab, Cf, Zl and Zp, and its property Default_Ignorable_Code_Point:
# controls, bidirectional marks, what has no width, fillers, tags and variation selectors, with which a text
# can read otherwise than it is. Joiners go too, although emoji and Persian use them: a family then stands as
# its members and a word may be spelt a little wrong, but no two names look alike. `--json` has all of it.
UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160"
    "\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
# Other characters that end a line: next line, line separator, paragraph separator.
LINE_ENDS = re.compile("[\x85\u2028\u2029]")
# Half of a character, or a byte of an argument that is not UTF-8: no stream can write it.
SURROGATE = re.compile("[\ud800-\udfff]")


def clean(text: object) -> str:
    """`text` without terminal escapes and characters that can't be seen; newlines and tabs stay.

    Printed raw it could recolour, erase or retitle the terminal, type into it, or look like another text.
    What is no character stands as its code. Linear in the length.
    """
    seen = UNSEEN.sub("", LINE_ENDS.sub("\n", ESCAPE_SEQUENCE.sub("", str(text))))
    return SURROGATE.sub(lambda half: f"\\u{ord(half[0]):x}", seen)


def one_line(text: object) -> str:
    """`text` cleaned, on one line."""
    return " ".join(clean(text).split())


def is_unicode(text: str) -> bool:
    """Whether `text` has no half of a character: Python's stand-in for a byte of an argument that is not
    UTF-8."""
    return SURROGATE.search(text) is None
