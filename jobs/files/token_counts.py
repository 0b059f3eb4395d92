"""How many tokens each split of a data set has, by tokenizer and `train_ratio`."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs.store.database import upsert
from jobs.store.tables import Dataset, TokenCount
from model.config import TrainingConfig
from model.storage.splits import Split, TextFile, read_splits
from model.tokenizers import load_tokenizer

TOTALS_TOKENIZER = "gpt2"
TOTALS_TRAIN_RATIO: float = TrainingConfig().train_ratio


def count_splits(text: TextFile, tokenizer: str, train_ratio: float) -> dict[Split, int]:
    """Tokenise a whole text, and count the tokens of each split."""
    counts: dict[Split, int] = {"train": 0, "validation": 0}
    encoder = load_tokenizer(tokenizer)
    for split, chunk in read_splits(text, train_ratio, encoder.last_boundary):
        counts[split] += len(encoder.encode(chunk))
    return counts


def token_count(dataset: Dataset, tokenizer: str, train_ratio: float, counts: dict[Split, int]) -> TokenCount:
    return TokenCount(
        dataset_id=dataset.id,
        tokenizer=tokenizer,
        train_ratio=train_ratio,
        train_tokens=counts["train"],
        val_tokens=counts["validation"],
    )


def store_counts(session: Session, counts: TokenCount) -> None:
    """So that they need not be counted again."""
    values = {column.name: getattr(counts, column.name) for column in TokenCount.__table__.columns}
    upsert(session, TokenCount, ["dataset_id", "tokenizer", "train_ratio"], values)


def token_totals(session: Session) -> dict[str, int]:
    """By data set's id, the GPT-2 tokens of both its splits at the default `train_ratio`, where counted."""
    counts = select(TokenCount).where(
        TokenCount.tokenizer == TOTALS_TOKENIZER, TokenCount.train_ratio == TOTALS_TRAIN_RATIO
    )
    return {count.dataset_id: count.train_tokens + count.val_tokens for count in session.scalars(counts)}
