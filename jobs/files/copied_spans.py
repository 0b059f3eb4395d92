"""What a model's text has word for word from the text that it was trained on."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

MAX_SEARCHED_CHARACTERS = 20_000_000
"""Of a training text, from its start: each word of a sample may cost a look through all of them, of some
milliseconds."""

WORD = re.compile(r"\w+(?:['’]\w+)*")


@dataclass(frozen=True)
class CopiedSpan:
    start: int
    """Characters before it in the sample."""
    end: int
    """Characters to its end."""
    words: int
    offset: int
    """Characters before it in the training text, at the first of the places where it stands."""


@dataclass(frozen=True)
class Word:
    start: int
    end: int


def words_of(text: str, start: int = 0) -> list[Word]:
    """Those that begin at `start` or later."""
    return [Word(*match.span()) for match in WORD.finditer(text) if match.start() >= start]


def copied_spans(training_text: str, sample: str, words: Sequence[Word], min_words: int) -> list[CopiedSpan]:
    """The longest runs of at least `min_words` of the sample's `words` that stand in the training text, with
    the same characters between them; in their order, none over another."""
    spans = []
    first = 0
    while first + min_words <= len(words):
        found = longest_run(training_text, sample, words, first, min_words)
        if found is None:
            first += 1
            continue
        last, offset = found
        start, end = words[first].start, words[last].end
        spans.append(CopiedSpan(start, end, last - first + 1, offset))
        first = last + 1
    return spans


def longest_run(
    training_text: str, sample: str, words: Sequence[Word], first: int, min_words: int
) -> tuple[int, int] | None:
    """The run that begins with the word `first`: its last word, and the place where it stands first."""
    start = words[first].start
    longest = None
    last = first + min_words - 1
    while last < len(words):
        # Every longer run stands where the shorter one does, so the search goes on there.
        offset = next_place(training_text, sample[start : words[last].end], longest[1] if longest else 0)
        if offset is None:
            break
        longest = (last, offset)
        last += 1
    return longest


def next_place(text: str, run: str, offset: int) -> int | None:
    """Where it stands as whole words, at `offset` or later."""
    place = text.find(run, offset)
    while place != -1:
        end = place + len(run)
        if not (text[max(0, place - 1) : place].isalnum() or text[end : end + 1].isalnum()):
            return place
        place = text.find(run, place + 1)
    return None
