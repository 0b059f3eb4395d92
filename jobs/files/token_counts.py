"""How many tokens each split of a data set has, by tokenizer and `train_ratio`."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs.store.database import Database, upsert
from jobs.store.tables import Dataset, TokenCount
from model.config import TrainingConfig
from model.storage.splits import DOCUMENT_END, Split, TextFile, read_splits
from model.tokenizers import Tokenizer

MAX_BYTES_IN_REQUEST = 64 * 1024
"""Of a text that a request tokenises, in some hundredths of a second; a worker counts longer ones."""
TOTALS: tuple[str, float] = ("gpt2", TrainingConfig().train_ratio)
"""Tokenizer and `train_ratio` of the tokens that are shown with a data set."""


def count_splits(text: TextFile, tokenizer: Tokenizer, train_ratio: float) -> dict[Split, int]:
    """Tokenise a whole text, and count the tokens of each split, ends of documents included."""
    counts: dict[Split, int] = {"train": 0, "validation": 0}
    for split, chunk in read_splits(text, train_ratio, tokenizer.last_boundary):
        counts[split] += chunk.count(DOCUMENT_END)
        counts[split] += sum(len(tokenizer.encode(document)) for document in chunk.split(DOCUMENT_END))
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


def store_counts(session: Session, counts: TokenCount) -> None:
    """So that they need not be counted again."""
    values = {column.name: getattr(counts, column.name) for column in TokenCount.__table__.columns}
    upsert(session, TokenCount, ["dataset_id", "tokenizer", "train_ratio"], values)


def token_totals(session: Session) -> dict[str, int]:
    """By data set's id, the GPT-2 tokens of both its splits at the default `train_ratio`, where counted."""
    counts = select(TokenCount).where(TokenCount.tokenizer == TOTALS[0], TokenCount.train_ratio == TOTALS[1])
    return {count.dataset_id: count.train_tokens + count.val_tokens for count in session.scalars(counts)}
