"""What a job is made from: its texts and its tokenizer, found for its spec, and kept for it."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from jobs.files.arriving_text import BadText
from jobs.files.builtin_datasets import DatasetUnavailable
from jobs.files.datasets import count_tokens, find_dataset
from jobs.files.layout import tokens_path
from jobs.files.token_counts import MAX_BYTES_IN_REQUEST, known_counts
from jobs.files.tokenizers import TokenizerLost, TokenizerNotReady, load_trained
from jobs.settings import Settings
from jobs.spec.job_spec import TOKENIZER_UNKNOWN, JobSpec
from jobs.store.database import Database
from jobs.store.lookup import NotFound
from jobs.store.preparations import FAILED, QUEUED, RUNNING
from jobs.store.tables import Dataset, TokenCount, TrainedTokenizer
from jobs.store.tokenizers import get_tokenizer
from jobs.validation.field_errors import FieldError, SpecError
from model.config import WHOLE_TEXT
from model.tokenizers import TOKENIZERS, Tokenizer, load_tokenizer


@dataclass(frozen=True)
class SpecText:
    """A data set as a spec uses it."""

    field: str
    """Of the spec, which names it."""
    dataset: Dataset
    train_ratio: float
    counts: TokenCount | None
    """Its tokens; None where a worker has to count them."""


@dataclass(frozen=True)
class Inputs:
    tokenizer: Tokenizer | TrainedTokenizer
    """Or the row of one that is still being trained."""
    texts: list[SpecText]
    """To train on and, if there is one of its own, to validate on; without those in `errors`."""
    errors: list[FieldError]
    """Texts that are not there, can't be fetched, or can't be read."""


def find_inputs(database: Database, settings: Settings, spec: JobSpec) -> Inputs:
    """The spec's tokenizer and texts.

    raises  SpecError if the tokenizer is not there or can't be read, with what is wrong with the texts too
    """
    errors: list[FieldError] = []
    tokenizer = None
    try:
        tokenizer = find_tokenizer_or_row(database, settings, spec.tokenizer)
    except (NotFound, TokenizerNotReady, TokenizerLost) as error:
        message = TOKENIZER_UNKNOWN if isinstance(error, NotFound) else str(error)
        errors.append(FieldError("tokenizer", message, spec.tokenizer))
    ready = None if isinstance(tokenizer, TrainedTokenizer) else tokenizer
    uses = [("dataset", spec.dataset, spec.training.train_share)]
    if spec.validation_dataset is not None:
        uses.append(("validation_dataset", spec.validation_dataset, WHOLE_TEXT))
    texts = []
    for field, name, train_ratio in uses:
        try:
            dataset = find_dataset(database, settings, name)
            counts = count_text(database, settings, dataset, ready, train_ratio)
            texts.append(SpecText(field, dataset, train_ratio, counts))
        except (DatasetUnavailable, BadText) as error:
            errors.append(FieldError(field, str(error), name))
    if tokenizer is None:
        raise SpecError(errors)
    return Inputs(tokenizer, texts, errors)


def find_tokenizer_or_row(database: Database, settings: Settings, name: str) -> Tokenizer | TrainedTokenizer:
    """raises as `find_tokenizer`, but returns the row of a tokenizer that is still being trained"""
    if name in TOKENIZERS:
        return load_tokenizer(name)
    with database.read() as session:
        trained = get_tokenizer(session, name)
    return trained if trained.status in (QUEUED, RUNNING) else load_trained(settings.artifacts, trained)


def count_text(
    database: Database, settings: Settings, dataset: Dataset, tokenizer: Tokenizer | None, train_ratio: float
) -> TokenCount | None:
    """Its tokens; None where a worker has to count them: without a tokenizer, and of a long text.

    raises  BadText
    """
    if tokenizer is None:
        return None
    counts = known_counts(database, dataset, tokenizer.name, train_ratio)
    if counts is None and dataset.bytes <= MAX_BYTES_IN_REQUEST:
        counts = count_tokens(database, settings, dataset, tokenizer, train_ratio)
    return counts


def is_tokenised(settings: Settings, text: SpecText, tokenizer: str) -> bool:
    """Whether its tokens are there, or so few that the trainer writes them: no worker has to prepare it.

    Whether a token file is undamaged the trainer finds out.
    """
    dataset = text.dataset
    if text.counts is None or dataset.bytes <= MAX_BYTES_IN_REQUEST:
        return text.counts is not None
    source = (dataset.sha256, tokenizer, text.train_ratio, dataset.text_start_bytes)
    return tokens_path(settings.artifacts, *source).exists()


def lock_inputs(session: Session, spec: JobSpec, texts: list[SpecText]) -> None:
    """Until the transaction ends, nobody deletes what the job needs; from then on the job keeps it.

    raises  SpecError for what has been deleted since it was found, or failed
    """
    for text in texts:
        if session.get(Dataset, text.dataset.id, with_for_update={"read": True}) is None:
            raise SpecError([FieldError(text.field, "has just been deleted", getattr(spec, text.field))])
    if spec.tokenizer in TOKENIZERS:
        return
    trained = session.get(TrainedTokenizer, spec.tokenizer, with_for_update={"read": True})
    if trained is None:
        raise SpecError([FieldError("tokenizer", "has just been deleted", spec.tokenizer)])
    if trained.status == FAILED:
        message = f"the tokenizer {trained.id} could not be trained: {trained.error}"
        raise SpecError([FieldError("tokenizer", message, spec.tokenizer)])
