"""A data set as the API shows it."""

from collections.abc import Sequence
from typing import Literal

from api.records.preparation_status import PreparationStatus, preparation_status
from api.records.record import Record, Time, from_row
from jobs.files.builtin_datasets import BUILTINS
from jobs.files.token_counts import token_total
from jobs.store.tables import Dataset, Preparation, TokenCount


class TokenCountRecord(Record):
    """The tokens of a text, by one tokenizer and one split."""

    tokenizer: str
    """A built-in one's name, or the id of one of your own."""
    train_ratio: float
    """Share of the characters in the training text."""
    train_tokens: int
    """Ends of documents included."""
    val_tokens: int
    vocab_size: int | None
    """Tokens that the tokenizer knows; null, as what follows, where an earlier version has counted."""
    used_tokens: int | None
    """How many of these occur in the text, in either part."""
    vocabulary_used: float | None
    """Their share of the vocabulary."""
    longest_document_tokens: int | None
    """Tokens of the longest document, without its end; null if the text is plain."""


class DatasetRecord(Record):
    """A text to train on. Of a built-in one that has not been used yet, most fields are null."""

    id: str
    object: Literal["dataset"] = "dataset"
    name: str
    owner: str | None
    """Whose it is: the owner of the token that it was made with. Null if none was needed: everybody sees it,
    and administrators change it."""
    shared: bool
    """Whether others than its owner and administrators see it."""
    builtin: bool
    status: PreparationStatus
    """`preparing` while a worker counts the tokens of a long text; jobs may be posted meanwhile, and wait."""
    error: str | None
    """Why it could not be prepared."""
    byte_order_mark: bool | None
    """Whether the stored bytes begin with one. It is not part of the text."""
    characters: int | None
    """Of the text; each document has one more, which ends it."""
    documents: int | None
    """0 if the text is plain."""
    longest_document: int | None
    """Its characters; null if the text is plain."""
    tokens: int | None
    """GPT-2 tokens of both its parts at the default `train_ratio`; null until they have been counted."""
    token_counts: list[TokenCountRecord]
    """What has been counted so far, for jobs that were posted: by tokenizer and `train_ratio`."""
    bytes: int | None
    """Size of the stored text, in UTF-8."""
    sha256: str | None
    """Of the bytes."""
    first_lines: str | None
    created_at: Time | None


class AddedDatasetRecord(DatasetRecord):
    """A text to train on that has just been sent."""

    notices: list[str]
    """What the sender should know, in sentences: the same text is stored already under another name, it
    begins with a byte order mark, it names the end of a text, or documents without text were left out."""


class TextTokenRecord(Record):
    """A token of a text."""

    id: int
    text: str
    """U+FFFD stands for a part of a character."""
    start: int
    """Bytes of the part's text, in UTF-8, before the token."""
    end: int
    """Bytes up to its end."""


class TokenPartRecord(Record):
    """A part of a text, and its tokens."""

    object: Literal["tokens"] = "tokens"
    dataset_id: str
    tokenizer: str
    offset: int
    """Characters before the part: those that were asked for, or fewer, since it begins where tokens are
    divided."""
    text: str
    """U+0000 ends each document; it is the end-of-text token."""
    tokens: list[TextTokenRecord]
    """They follow one another without a gap, from the start of `text` to its end."""
    exact: bool
    """Whether they are those of the whole text. False within a word of more than 1,000 characters."""
    characters: int
    """Of the whole text."""
    has_more: bool
    """Whether the text goes on behind it, at `offset` and the characters of `text`."""


class TextPartRecord(Record):
    """A part of a text."""

    object: Literal["text"] = "text"
    dataset_id: str
    offset: int
    """Characters before it."""
    text: str
    """U+0000 ends each document."""
    characters: int
    """Of the whole text."""
    has_more: bool
    """Whether the text goes on behind it."""


def token_count_record(count: TokenCount) -> TokenCountRecord:
    share = count.used_tokens / count.vocab_size if count.used_tokens and count.vocab_size else None
    return from_row(TokenCountRecord, count, vocabulary_used=share)


def dataset_record(
    dataset: Dataset, counts: Sequence[TokenCount], preparation: Preparation | None
) -> DatasetRecord:
    """preparation  that of the tokens, if it is not done"""
    return from_row(
        DatasetRecord,
        dataset,
        status="ready" if preparation is None else preparation_status(preparation),
        error=None if preparation is None else preparation.error,
        tokens=token_total(counts),
        token_counts=[token_count_record(count) for count in counts],
        byte_order_mark=bool(dataset.text_start_bytes),
    )


def builtin_record(name: str) -> DatasetRecord:
    """A built-in data set that nobody has used yet."""
    unknown = dict.fromkeys(
        [
            "error",
            "byte_order_mark",
            "characters",
            "documents",
            "longest_document",
            "tokens",
            "bytes",
            "first_lines",
            "created_at",
        ]
    )
    return DatasetRecord(
        id=name,
        name=name,
        builtin=True,
        owner=None,
        shared=False,
        status="ready",
        sha256=BUILTINS[name].sha256,
        token_counts=[],
        **unknown,
    )
