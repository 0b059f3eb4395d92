"""What a sample has from its training text, as the API shows it."""

from collections.abc import Sequence

from api.records.record import Listing, Record
from jobs.files.copied_spans import CopiedSpan


class CopiedSpanRecord(Record):
    """A part of a sample that stands word for word in the training text."""

    start: int
    """Characters (of Unicode) before it in the sample's `text`."""
    end: int
    """Characters to its end."""
    text: str
    words: int
    offset: int
    """Characters before it in the data set's text, at the first of its places: see `GET
    /datasets/<dataset_id>/text`."""


class CopiedListing(Listing[CopiedSpanRecord]):
    """What a sample has from its training text."""

    words: int
    """Of the sample without its prompt."""
    copied_words: int
    """Of these, those in spans."""
    searched_characters: int
    """Of the training text, from its start."""
    training_characters: int
    """That it has."""


def copied_listing(
    text: str, spans: Sequence[CopiedSpan], words: int, searched: int, characters: int
) -> CopiedListing:
    """
    text        the sample's, prompt included
    words       of its continuation
    searched    characters of the training text
    characters  that it has
    """
    data = [
        CopiedSpanRecord(
            start=span.start,
            end=span.end,
            text=text[span.start : span.end],
            words=span.words,
            offset=span.offset,
        )
        for span in spans
    ]
    return CopiedListing(
        data=data,
        has_more=False,
        words=words,
        copied_words=sum(span.words for span in spans),
        searched_characters=searched,
        training_characters=characters,
    )
