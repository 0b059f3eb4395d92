"""How many tokens each split of a data set has, by tokenizer and `train_ratio`."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs.store.database import Database, upsert
from jobs.store.preparations import text_keys
from jobs.store.tables import Dataset, Job, TokenCount
from model.config import TrainingConfig
from model.storage.splits import DOCUMENT_END, Split, TextFile, read_splits
from model.tokenizers import Tokenizer

MAX_BYTES_IN_REQUEST = 64 * 1024
"""Of a text that a request tokenises, in some hundredths of a second; a worker counts longer ones."""
TOTALS: tuple[str, float] = ("gpt2", TrainingConfig().train_share)
"""Tokenizer and `train_ratio` of the tokens that are shown with a data set."""


@dataclass(frozen=True)
class Counted:
    """What the tokens of a text come to."""

    by_split: dict[Split, int]
    """Ends of documents included."""
    vocab_size: int | None = None
    used_tokens: int | None = None
    """Of the vocabulary's tokens, how many occur."""
    longest_document_tokens: int | None = None
    """Without its end; None if the text is plain."""


def count_splits(text: TextFile, tokenizer: Tokenizer, train_ratio: float) -> Counted:
    """Tokenise a whole text, and count its tokens."""
    counts: dict[Split, int] = {"train": 0, "validation": 0}
    used: set[int] = set()
    document_tokens = 0
    longest: int | None = None
    for split, chunk in read_splits(text, train_ratio, tokenizer.last_boundary):
        first, *others = chunk.split(DOCUMENT_END)
        for number, document in enumerate([first, *others]):
            if number:  # the end of the one before
                counts[split] += 1
                used.add(tokenizer.end_of_text)
                longest, document_tokens = max(longest or 0, document_tokens), 0
            ids = tokenizer.encode(document)
            counts[split] += len(ids)
            document_tokens += len(ids)
            used.update(ids)
    return Counted(counts, tokenizer.vocab_size, len(used), longest)


def token_count(dataset_id: str, tokenizer: str, train_ratio: float, counted: Counted) -> TokenCount:
    return TokenCount(
        dataset_id=dataset_id,
        tokenizer=tokenizer,
        train_ratio=train_ratio,
        train_tokens=counted.by_split["train"],
        val_tokens=counted.by_split["validation"],
        vocab_size=counted.vocab_size,
        used_tokens=counted.used_tokens,
        longest_document_tokens=counted.longest_document_tokens,
    )


def known_counts(
    database: Database, dataset: Dataset, tokenizer: str, train_ratio: float
) -> TokenCount | None:
    """None if they have not been counted yet."""
    with database.read() as session:
        return session.get(TokenCount, (dataset.id, tokenizer, train_ratio))


@dataclass(frozen=True)
class SplitTokens:
    """How many tokens a job trains and validates on."""

    train_tokens: int
    val_tokens: int

    @classmethod
    def of(cls, counts: Sequence[TokenCount]) -> "SplitTokens":
        """counts  of the one text that is split, or of the one to train and the one to validate on"""
        val_tokens = counts[0].val_tokens if len(counts) == 1 else counts[1].train_tokens
        return cls(counts[0].train_tokens, val_tokens)


def stored_counts(session: Session, job: Job) -> SplitTokens | None:
    """The tokens of a job's texts; None until all have been counted."""
    counts = [session.get(TokenCount, key) for key in text_keys(job)]
    known = [count for count in counts if count is not None]
    return SplitTokens.of(known) if len(known) == len(counts) else None


def store_counts(session: Session, counts: TokenCount) -> None:
    """So that they need not be counted again."""
    values = {column.name: getattr(counts, column.name) for column in TokenCount.__table__.columns}
    upsert(session, TokenCount, ["dataset_id", "tokenizer", "train_ratio"], values)


def counts_by_dataset(session: Session, dataset_ids: Sequence[str]) -> dict[str, list[TokenCount]]:
    """Whatever has been counted of those data sets, by their ids; by tokenizer and `train_ratio`."""
    counted = select(TokenCount).where(TokenCount.dataset_id.in_(dataset_ids))
    found: dict[str, list[TokenCount]] = {}
    for count in session.scalars(counted.order_by(TokenCount.tokenizer, TokenCount.train_ratio)):
        found.setdefault(count.dataset_id, []).append(count)
    return found


def token_total(counts: Sequence[TokenCount]) -> int | None:
    """The GPT-2 tokens of both splits at the default `train_ratio`, where they are among `counts`."""
    totals = (each for each in counts if (each.tokenizer, each.train_ratio) == TOTALS)
    return next((each.train_tokens + each.val_tokens for each in totals), None)
