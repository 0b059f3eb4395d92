"""A text while it arrives, in blocks of bytes: what is stored of it, and what is known of it once it is here.

Blocks should have some tens of kilobytes at least: by the first one encodings and formats are told.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from jobs.files.encodings import SAMPLE_BYTES, describe_encoding

FIRST_LINES_CHARACTERS = 400


class BadText(ValueError):
    """A text that cannot be a data set.

    value  the part that is wrong, where the whole is too long to be quoted
    """

    def __init__(self, message: str, value: str | None = None) -> None:
        super().__init__(message)
        self.value = value


@dataclass
class TextFacts:
    """What a reader has found out about a text, once it has read all of it."""

    start_bytes: int = 0
    """Of what is stored, how many bytes come before the text: those of a byte order mark."""
    characters: int = 0
    """Of the text, the ends of documents included."""
    documents: int = 0
    """0 if it is plain."""
    longest_document: int | None = None
    """Characters, without its end; None if the text is plain."""
    first_lines: str = ""
    empty_documents: int = 0
    """That were left out, since nothing can be learned from them."""
    end_of_text_names: int = 0
    """How often a plain text holds `<|endoftext|>`, which is text like any other."""


Reader = Callable[[Iterable[bytes], TextFacts], Iterator[bytes]]
"""Takes the blocks that arrive, yields what is to be stored, and fills in the facts; raises BadText."""


def check_head(head: bytes) -> None:
    """raises  BadText if the bytes that a text begins with are those of another encoding or format, although
    they may be UTF-8"""
    if reason := describe_encoding(head[:SAMPLE_BYTES], None, b""):
        raise BadText(reason)


def not_utf8(head: bytes, invalid: int, before: bytes, after: bytes) -> BadText:
    """
    head           the bytes that the text begins with
    invalid        the first byte of the text that is not UTF-8
    before, after  the bytes around that one, which `after` begins with
    """
    around = before[-SAMPLE_BYTES // 2 :] + after[: SAMPLE_BYTES // 2]
    reason = describe_encoding(head[:SAMPLE_BYTES], invalid, around)
    assert reason is not None
    return BadText(reason)
