"""A plain text while it arrives: UTF-8, stored as it was sent."""

import codecs
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator

from jobs.files.arriving_text import FIRST_LINES_CHARACTERS, BadText, TextFacts, check_head, not_utf8
from jobs.files.encodings import SAMPLE_BYTES
from jobs.files.json_lines import as_plain_text, looks_like_json_lines
from model.tokenizers import END_OF_TEXT

NAME = END_OF_TEXT.encode()


class LooksLikeJSONLines(BadText):
    """Sent as plain text, which it may have been by mistake."""


def read_plain_text(blocks: Iterable[bytes], facts: TextFacts) -> Iterator[bytes]:
    """A `Reader`. The byte order mark that a text may begin with is stored, and no part of it."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    head = last = b""
    arrived_bytes, is_blank = 0, True
    for block in blocks:
        is_first = not arrived_bytes
        head = block[:SAMPLE_BYTES] if is_first else head
        undecoded = decoder.getstate()[0]
        try:
            text = decoder.decode(block)
        except UnicodeDecodeError as error:
            wrong, invalid = undecoded + block, arrived_bytes - len(undecoded) + error.start
            raise not_utf8(head, invalid, last + wrong[: error.start], wrong[error.start :]) from error
        if is_first:
            check_head(head)
            facts.start_bytes = len(BOM_UTF8) if block.startswith(BOM_UTF8) else 0
            text = text.removeprefix("\ufeff")
            check_not_json_lines(text)
            facts.first_lines = text[:FIRST_LINES_CHARACTERS]
        check_no_nul(block, arrived_bytes)
        is_blank = is_blank and (not text or text.isspace())
        facts.characters += len(text)
        facts.end_of_text_names += (last[1 - len(NAME) :] + block).count(NAME)
        arrived_bytes += len(block)
        last = (last + block)[-SAMPLE_BYTES // 2 :]
        yield block
    if undecoded := decoder.getstate()[0]:
        raise not_utf8(head, arrived_bytes - len(undecoded), last[: -len(undecoded)], undecoded)
    if is_blank:
        raise BadText("must not be empty")


def check_no_nul(block: bytes, start_bytes: int) -> None:
    """raises  BadText, with where in the text it is"""
    if (index := block.find(b"\0")) != -1:
        raise BadText(f"must not contain a NUL character; byte {start_bytes + index:,} is one")


def check_not_json_lines(text: str) -> None:
    """raises  BadText. Of a longer text, `text` is the beginning"""
    if looks_like_json_lines(text) or looks_like_json_lines(text[: text.rfind("\n") + 1]):
        raise LooksLikeJSONLines(
            "looks like JSON Lines, a document a line: send it with Content-Type application/x-ndjson, and "
            "with ?text_field= if the texts are not in `text`. "
            f"Or make plain text of it, in which no document ends: {as_plain_text()}"
        )
