"""The tokenizers that are trained on data sets: the rows of the table `tokenizers`."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs.spec.job_spec import OWN_TOKENIZER, JobSpec
from jobs.spec.stored_specs import UnreadableSpec
from jobs.store.lookup import get_visible
from jobs.store.ownership import is_visible
from jobs.store.paging import page_of_rows
from jobs.store.tables import TrainedTokenizer
from jobs.validation.quoting import quoted
from model.tokenizers import TOKENIZERS


def get_tokenizer(session: Session, tokenizer_id: str) -> TrainedTokenizer:
    """raises  NotFound, also of one that whoever asks may not see"""
    return get_visible(session, TrainedTokenizer, tokenizer_id)


def list_tokenizers(session: Session) -> list[TrainedTokenizer]:
    """Those that whoever asks may see, the oldest first."""
    visible = select(TrainedTokenizer).where(is_visible(TrainedTokenizer))
    return list(session.scalars(visible.order_by(TrainedTokenizer.created_at, TrainedTokenizer.id)))


def page_of_tokenizers(
    session: Session, limit: int, after: str | None = None
) -> tuple[list[TrainedTokenizer], bool]:
    """See `page_of_rows`."""
    return page_of_rows(session, select(TrainedTokenizer), TrainedTokenizer, OWN_TOKENIZER, limit, after)


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
