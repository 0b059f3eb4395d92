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
from model.tokenizers import load_tokenizer

MAX_BYTES_IN_REQUEST = 64 * 1024
"""Of a text that a request tokenises, in some hundredths of a second; a worker counts longer ones."""
TOTALS: tuple[str, float] = ("gpt2", TrainingConfig().train_share)
"""Tokenizer and `train_ratio` of the tokens that are shown with a data set."""


def count_splits(text: TextFile, tokenizer: str, train_ratio: float) -> dict[Split, int]:
    """Tokenise a whole text, and count the tokens of each split, ends of documents included."""
    counts: dict[Split, int] = {"train": 0, "validation": 0}
    encoder = load_tokenizer(tokenizer)
    for split, chunk in read_splits(text, train_ratio, encoder.last_boundary):
        counts[split] += chunk.count(DOCUMENT_END)
        counts[split] += sum(len(encoder.encode(document)) for document in chunk.split(DOCUMENT_END))
    return counts


def token_count(dataset_id: str, tokenizer: str, train_ratio: float, counts: dict[Split, int]) -> TokenCount:
    return TokenCount(
        dataset_id=dataset_id,
        tokenizer=tokenizer,
        train_ratio=train_ratio,
        train_tokens=counts["train"],
        val_tokens=counts["validation"],
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


def token_totals(session: Session) -> dict[str, int]:
    """By data set's id, the GPT-2 tokens of both its splits at the default `train_ratio`, where counted."""
    counts = select(TokenCount).where(TokenCount.tokenizer == TOTALS[0], TokenCount.train_ratio == TOTALS[1])
    return {count.dataset_id: count.train_tokens + count.val_tokens for count in session.scalars(counts)}
