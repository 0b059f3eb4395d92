"""What a terminal would obey instead of showing."""

import re

# ECMA-48: control sequences (CSI), and strings (OSC, DCS, SOS, PM, APC) up to their terminator. What does not
# match whole loses its control characters elsewhere and stays as harmless letters. No part can match the same
# characters as its neighbour, nor a string the beginning of another, so that any text takes linear time.
ESCAPE_SEQUENCE = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]*+[ -/]*+[@-~]"
    "|(?:\x1b[\\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x90\x98\x9c-\x9f]*+(?:\x07|\x1b\\\\|\x9c)"
    "|\x1b[ -/]*+[0-~]"
)
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Control characters but newline and tab."""


def without_controls(text: str) -> str:
    """`text` without terminal escapes and control characters but newline and tab. Linear in the length."""
    return CONTROL.sub("", ESCAPE_SEQUENCE.sub("", text))
