"""What workers are to prepare: the texts of the table `preparations`, and tokenizers and models from outside
that are not ready."""

from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from jobs.process.logs import current_request_id
from jobs.store.database import insert_if_absent, now_s
from jobs.store.tables import ImportedModel, Job, Preparation, TrainedTokenizer
from model.config import WHOLE_TEXT

QUEUED, RUNNING, FAILED, READY = "queued", "running", "failed", "ready"

Prepared = Preparation | TrainedTokenizer | ImportedModel
"""What a worker of the queue `prepare` claims: a text to write the tokens of, a tokenizer to train, or a
model from outside to check and convert."""
KINDS: tuple[type[Prepared], ...] = (Preparation, TrainedTokenizer, ImportedModel)


def request_preparation(session: Session, dataset_id: str, tokenizer: str, train_ratio: float) -> None:
    """Have a worker prepare a data set, unless that is under way; what has failed is tried again."""
    key = {"dataset_id": dataset_id, "tokenizer": tokenizer, "train_ratio": train_ratio}
    if not insert_if_absent(session, Preparation, {**key, **asked_columns()}):
        has_failed = Preparation.status == FAILED
        again = update(Preparation).where(*has_key(dataset_id, tokenizer, train_ratio), has_failed)
        session.execute(again.values(**asked_columns(), failures=0))


def preparations_by_dataset(session: Session, tokenizer: str, train_ratio: float) -> dict[str, Preparation]:
    """Those that are not done, by the ids of their data sets."""
    unfinished = select(Preparation).where(
        Preparation.tokenizer == tokenizer, Preparation.train_ratio == train_ratio
    )
    return {preparation.dataset_id: preparation for preparation in session.scalars(unfinished)}


TextKey = tuple[str, str, float]
"""A data set's id, a tokenizer and a `train_ratio`: what tokens follow from."""


def text_keys(job: Job) -> list[TextKey]:
    """What a job trains on, and what it validates on if that is another text."""
    tokenizer, train_ratio = job.spec["tokenizer"], job.spec["training"]["train_ratio"]
    keys = [(job.dataset_id, tokenizer, WHOLE_TEXT if train_ratio is None else train_ratio)]
    if job.validation_dataset_id is not None:
        keys.append((job.validation_dataset_id, tokenizer, WHOLE_TEXT))
    return keys


def has_key(dataset_id: str, tokenizer: str, train_ratio: float) -> tuple[Any, ...]:
    return (
        Preparation.dataset_id == dataset_id,
        Preparation.tokenizer == tokenizer,
        Preparation.train_ratio == train_ratio,
    )


def has_key_of(prepared: Prepared) -> tuple[Any, ...]:
    """The conditions of its own row."""
    columns = type(prepared).__table__.primary_key
    return tuple(column == getattr(prepared, column.name) for column in columns)


def asked_columns() -> dict[str, Any]:
    """The columns of one that has just been asked for."""
    return {**queued_columns(), "request_id": current_request_id()}


def queued_columns() -> dict[str, Any]:
    """The columns of one that waits."""
    columns: dict[str, Any] = {"status": QUEUED, "queued_at": now_s(), "fraction": 0.0, "error": None}
    return {**columns, "worker": None, "lease_expires_at": None}


def ended_columns(status: str, error: str | None = None) -> dict[str, Any]:
    """The columns of one that is ready, or has failed for the reason `error`."""
    return {"status": status, "error": error, "worker": None, "lease_expires_at": None}
