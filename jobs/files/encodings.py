"""Text that is not UTF-8: which encoding it is likely in, and the command that converts it.

Imports nothing of the service, so that the client can check a text before it sends it.
"""

import codecs
import re
import shlex

SAMPLE_BYTES = 2**16
"""From the start, or around the first byte that is not UTF-8: enough to guess by, however long the text."""

MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
"""The longer ones first: UTF-32's begins with UTF-16's."""
FORMATS = {
    b"\x1f\x8b": ("a gzip file", "unpack it first"),
    b"PK\x03\x04": ("a zip archive, or a document that is one", "take its text out first"),
    b"BZh": ("a bzip2 file", "unpack it first"),
    b"\xfd7zXZ\0": ("an xz file", "unpack it first"),
    b"\x28\xb5\x2f\xfd": ("a Zstandard file", "unpack it first"),
    b"%PDF-": ("a PDF", "take its text out first"),
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": ("an old Office document", "take its text out first"),
    b"\x89PNG\r\n\x1a\n": ("a PNG picture", "no text can be read from it"),
    b"\xff\xd8\xff": ("a JPEG picture", "no text can be read from it"),
    b"\x7fELF": ("a program", "no text can be read from it"),
    b"SQLite format 3\0": ("an SQLite database", "take its text out first"),
    b"PAR1": ("a Parquet file", "take its text out first"),
}
"""What is no text in any encoding, by its magic bytes, and what to do about it."""
WESTERN_SIGNS = frozenset("‘’‚“”„‹›«»–—…•·°§©®™€£¥¢¿¡´¨\xa0\xad")
"""The characters of cp1252 beyond ASCII, letters apart, that occur in texts."""
MAX_NON_ASCII_SHARE = 0.25
"""Of the letters of a Western European text. In Cyrillic or Greek nearly all are beyond ASCII."""
CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f]")
DAMAGED = "damaged"

CONVERSIONS: dict[str, str] = {
    "UTF-16": "UTF-16",
    "UTF-16LE": "UTF-16 without a byte order mark",
    "UTF-16BE": "UTF-16 without a byte order mark",
    "UTF-32": "UTF-32",
    "CP1252": "cp1252 (Windows, Western Europe)",
}
"""By iconv's name of the encoding, what messages call it."""


def why_not_utf8(content: bytes, file: str = "FILE") -> str | None:
    """Why `content` is no text in UTF-8, and what to do about it; None if it is one.

    file  the name under which the command that converts it finds it
    """
    invalid = first_invalid_byte(content)
    middle = 0 if invalid is None else invalid
    around = content[max(0, middle - SAMPLE_BYTES // 2) : middle + SAMPLE_BYTES // 2]
    return describe_encoding(content[:SAMPLE_BYTES], invalid, around, file)


def describe_encoding(head: bytes, invalid: int | None, around: bytes, file: str = "FILE") -> str | None:
    """As `why_not_utf8`, of a text that is not held as a whole.

    head     its first `SAMPLE_BYTES`
    invalid  its first byte that is not UTF-8; None if there is none
    around   the bytes around that one
    """
    guess = likely_encoding(head, invalid, around)
    if invalid is None and guess is None:
        return None
    for magic, (kind, remedy) in FORMATS.items():
        if head.startswith(magic):
            return f"must be UTF-8 text, and this is not text but {kind}: {remedy}"
    where = "has NUL bytes" if invalid is None else f"byte {invalid} is not"
    source, target = shlex.quote(file), shlex.quote(f"{file}.utf8")
    if guess == DAMAGED:
        return (
            f"must be UTF-8 text; {where}, although the text around it is: it is damaged there. "
            f"This leaves out what is not UTF-8: iconv -c -f UTF-8 -t UTF-8 {source} > {target}"
        )
    if guess is None:
        return (
            f"must be UTF-8 text; {where}, and what encoding it is in is hard to tell. "
            f"If you know it: iconv -f ENCODING -t UTF-8 {source} > {target}"
        )
    return (
        f"must be UTF-8 text; {where}, and it looks like {CONVERSIONS[guess]}. "
        f"This converts it: iconv -f {guess} -t UTF-8 {source} > {target}"
    )


def first_invalid_byte(content: bytes) -> int | None:
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return error.start
    return None


def likely_encoding(head: bytes, invalid: int | None, around: bytes) -> str | None:
    """iconv's name of the encoding that a text is likely in, `DAMAGED` for UTF-8 with single invalid bytes.
    Arguments as `describe_encoding`; in an English text in UTF-16 all bytes are UTF-8."""
    for mark, name in MARKS.items():
        if head.startswith(mark):
            return name
    zeros = head[0::2].count(0), head[1::2].count(0)
    if max(zeros) > len(head) // 8 and min(zeros) * 8 < max(zeros):
        return "UTF-16LE" if zeros[1] > zeros[0] else "UTF-16BE"
    if invalid is None:
        return None
    if is_damaged_utf8(around):
        return DAMAGED
    return "CP1252" if is_western(around) else None


def is_damaged_utf8(sample: bytes) -> bool:
    """Whether more characters beyond ASCII are valid than invalid: in another encoding hardly any are
    valid."""
    text = sample.decode(errors="replace")
    invalid = text.count("\ufffd")
    return sum(character > "\x7f" for character in text) - invalid > invalid


def is_western(sample: bytes) -> bool:
    try:
        text = sample.decode("cp1252")
    except UnicodeDecodeError:
        return False
    non_ascii = [character for character in text if character > "\x7f"]
    letters = sum(character.isalpha() for character in text)
    non_ascii_letters = sum(character.isalpha() for character in non_ascii)
    unlikely = sum(not letter.isalpha() and letter not in WESTERN_SIGNS for letter in non_ascii)
    has_western_letters = non_ascii_letters <= MAX_NON_ASCII_SHARE * letters
    return has_western_letters and unlikely <= len(non_ascii) // 10 and not CONTROLS.search(text)
