"""The tokenizers that are trained on data sets: the rows of the table `tokenizers`."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs.spec.job_spec import JobSpec
from jobs.spec.stored_specs import UnreadableSpec
from jobs.store.lookup import NotFound
from jobs.store.tables import TrainedTokenizer
from jobs.validation.quoting import quoted
from model.tokenizers import TOKENIZERS


def get_tokenizer(session: Session, tokenizer_id: str) -> TrainedTokenizer:
    """raises NotFound"""
    tokenizer = session.get(TrainedTokenizer, tokenizer_id)
    if tokenizer is None:
        raise NotFound(f"no tokenizer {quoted(tokenizer_id)}")
    return tokenizer


def list_tokenizers(session: Session) -> list[TrainedTokenizer]:
    """Oldest first."""
    oldest_first = select(TrainedTokenizer).order_by(TrainedTokenizer.created_at, TrainedTokenizer.id)
    return list(session.scalars(oldest_first))


def with_vocabulary(session: Session, spec: JobSpec) -> JobSpec:
    """The spec, which then knows how large its vocabulary is, or may become while its tokenizer is trained.

    raises  UnreadableSpec if its tokenizer is gone
    """
    if spec.tokenizer in TOKENIZERS:
        return spec
    tokenizer = session.get(TrainedTokenizer, spec.tokenizer)
    if tokenizer is None:
        raise UnreadableSpec(f"the job's tokenizer {quoted(spec.tokenizer)} is gone")
    return spec.with_vocab_size(tokenizer.vocab_size or tokenizer.asked_vocab_size)
