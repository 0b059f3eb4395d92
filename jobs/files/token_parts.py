"""A part of a stored text, and its tokens as they are in the whole text: work that the part alone bounds."""

from dataclasses import dataclass
from pathlib import Path

from jobs.files.text_parts import read_part
from model.storage.splits import DOCUMENT_END, last_cut
from model.tokenizers import Tokenizer

MARGIN = 1000
"""Characters before and behind a part, among which its borders are looked for."""


@dataclass(frozen=True)
class TextToken:
    id: int
    text: str
    """U+FFFD for a part of a character."""
    start: int
    """Bytes of the part before it, in UTF-8."""
    end: int


@dataclass(frozen=True)
class TokenPart:
    offset: int
    """Characters before it: at most those that were asked for."""
    text: str
    tokens: list[TextToken]
    """Without a gap, from the start of `text` to its end."""
    is_exact: bool
    """Whether both borders are known to divide tokens."""


def read_token_part(
    path: Path, tokenizer: Tokenizer, offset: int, limit: int, *, start_bytes: int, characters: int
) -> TokenPart:
    """The part of about `limit` characters behind the first `offset`. It begins and ends where the tokenizer
    divides tokens whatever stands around: not later than was asked for, at either end, but for a word that is
    longer.

    start_bytes  of the file before the text
    characters   of the whole text
    raises       OSError
    """
    if offset >= characters:
        return TokenPart(characters, "", [], is_exact=True)
    begin = max(0, offset - MARGIN)
    asked_start, asked_end = offset - begin, offset - begin + limit
    around = read_part(path, begin, asked_end + MARGIN, start_bytes=start_bytes, characters=characters)
    start = last_border(around, asked_start, tokenizer)
    if start is None and begin == 0:
        start = 0
    first = asked_start if start is None else start
    text_end = len(around) if begin + len(around) >= characters else None
    end = part_end(around, first, asked_end, tokenizer, text_end)
    text = around[first : asked_end + MARGIN if end is None else end]
    is_exact = start is not None and end is not None
    return TokenPart(begin + first, text, tokens_of(text, tokenizer), is_exact)


def last_border(text: str, index: int, tokenizer: Tokenizer) -> int | None:
    """The last index up to `index` at which tokens are divided whatever stands around `text`; None if none is
    known."""
    if text[index : index + 1] == DOCUMENT_END:
        return index
    cut = last_cut(text[: index + 1], tokenizer.last_boundary)  # the character behind a border shows it
    return None if cut is None else min(cut, index)


def part_end(text: str, first: int, end: int, tokenizer: Tokenizer, text_end: int | None) -> int | None:
    """Where a part that begins at `first` ends: at the last border up to `end`, or at one behind it where a
    word is longer; None if none is known.

    text_end  where the whole text ends, if that is within `text`
    """
    for index in (end, *(end + MARGIN // share for share in (16, 4, 1))):
        if text_end is not None and index >= text_end:
            return text_end
        found = last_border(text, index, tokenizer)
        if found is not None and found > first:
            return found
    return None


def tokens_of(text: str, tokenizer: Tokenizer) -> list[TextToken]:
    tokens: list[TextToken] = []
    end = 0

    def add(token: int, data: bytes) -> None:
        nonlocal end
        start, end = end, end + len(data)
        tokens.append(TextToken(token, data.decode(errors="replace"), start, end))

    for number, document in enumerate(text.split(DOCUMENT_END)):
        if number:
            add(tokenizer.end_of_text, DOCUMENT_END.encode())
        for token in tokenizer.encode(document):
            add(token, tokenizer.decode_bytes([token]))
    return tokens
