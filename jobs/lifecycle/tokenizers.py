"""Tokenizers of one's own: asking for one, recording what has come of it, and deleting one that no job needs.

One is claimed, renewed, postponed and failed as a text is (`jobs.lifecycle.preparation`).
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from jobs.files.arriving_text import BadText
from jobs.files.builtin_datasets import DatasetUnavailable
from jobs.files.datasets import find_dataset
from jobs.files.store import TOKENIZERS, release
from jobs.lifecycle.preparation import write_fenced
from jobs.settings import Settings
from jobs.spec.job_spec import OWN_TOKENIZER
from jobs.states import TERMINAL
from jobs.store.database import Database, lock_name, now_us
from jobs.store.ids import new_timed_id
from jobs.store.lookup import get_visible, jobs_in_need
from jobs.store.preparations import READY, asked_columns, ended_columns
from jobs.store.tables import (
    Checkpoint,
    Dataset,
    Job,
    Preparation,
    TokenCount,
    TrainedTokenizer,
)
from jobs.store.viewers import viewer
from jobs.validation.field_errors import FieldError, SpecError


class TokenizerNeeded(Exception):
    """A tokenizer can't be deleted; the message says why."""


OnStored = Callable[[Session, TrainedTokenizer], None]


def nothing_more(session: Session, tokenizer: TrainedTokenizer) -> None:
    """The `OnStored` of whoever wants only the tokenizer stored."""


def request_tokenizer(
    database: Database,
    settings: Settings,
    name: str,
    dataset: str,
    vocab_size: int,
    on_stored: OnStored = nothing_more,
) -> TrainedTokenizer:
    """Have a worker train a tokenizer on a data set.

    dataset     a built-in one's name, or an id
    vocab_size  tokens at most, the 256 bytes and the end of a text among them
    on_stored   called at the end of the transaction that stores it; what it raises undoes that
    raises      SpecError if there is no such data set, or its text can't be had
    """
    try:
        found = find_dataset(database, settings, dataset)
    except (DatasetUnavailable, BadText) as error:
        raise SpecError([FieldError("dataset", str(error), dataset)]) from error
    with database.write() as session:
        lock_name(session, found.sha256)  # as whoever deletes the data set does
        if session.get(Dataset, found.id) is None:
            raise SpecError([FieldError("dataset", "has just been deleted", dataset)])
        created_us = now_us(session)
        tokenizer = TrainedTokenizer(
            id=new_timed_id(OWN_TOKENIZER, created_us),
            name=name,
            owner=viewer().owner,
            dataset_id=found.id,
            dataset_sha256=found.sha256,
            asked_vocab_size=vocab_size,
            created_at=created_us / 1e6,
            **asked_columns(),
        )
        session.add(tokenizer)
        session.flush()
        session.refresh(tokenizer)
        on_stored(session, tokenizer)
    return tokenizer


@dataclass(frozen=True)
class TrainedFacts:
    """What has come of training a tokenizer."""

    vocab_size: int
    sha256: str
    """Of its ranks."""
    measured_bytes: int
    """Of the start of its text, of which the tokens are these."""
    measured_tokens: int
    measured_gpt2_tokens: int


def finish_tokenizer(session: Session, claimed: TrainedTokenizer, facts: TrainedFacts) -> None:
    """Record a tokenizer whose file has been placed: what waited for it is due now. raises Superseded"""
    write_fenced(session, claimed, **ended_columns(READY), fraction=1.0, **asdict(facts))


def delete_tokenizer(session: Session, tokenizer_id: str) -> None:
    """Delete a tokenizer, also one that is being trained; its file goes afterwards
    (`remove_released`).

    raises  NotFound; TokenizerNeeded while a job that can still run, or that has checkpoints, uses it
    """
    tokenizer = get_visible(session, TrainedTokenizer, tokenizer_id, with_for_update=True)
    # Only now: whoever posts a job locks the row until the job is there.
    has_checkpoints = select(Checkpoint.id).where(Checkpoint.job_id == Job.id).exists()
    is_used = (
        Job.spec["tokenizer"].as_string() == tokenizer_id,
        or_(Job.status.not_in(TERMINAL), has_checkpoints),
    )
    if needed := jobs_in_need(session, *is_used):
        raise TokenizerNeeded(
            f"{needed}: a tokenizer is kept while a job of it can still run or has checkpoints. "
            "Delete the jobs first"
        )
    for table in (TokenCount, Preparation):
        session.execute(delete(table).where(table.tokenizer == tokenizer_id))
    if tokenizer.sha256 is not None:
        release(session, TOKENIZERS, tokenizer.sha256)
    session.delete(tokenizer)
