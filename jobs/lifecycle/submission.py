"""Submitting a job: the checks, the row, and the message."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from celery import Celery
from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs.broker.queue import PREPARE_QUEUE, publish_if_possible
from jobs.files.arriving_text import BadText
from jobs.files.builtin_datasets import DatasetUnavailable
from jobs.files.datasets import count_tokens, find_dataset
from jobs.files.layout import tokens_path
from jobs.files.staged_jobs import job_placed
from jobs.files.token_counts import MAX_BYTES_IN_REQUEST, known_counts, store_counts
from jobs.lifecycle.feasibility import memory_errors, text_errors
from jobs.lifecycle.waiting import Waiting, waiting_by_job
from jobs.settings import Settings
from jobs.spec.job_spec import JobSpec
from jobs.states import Status
from jobs.store.database import Database, now_s
from jobs.store.events import record_event
from jobs.store.ids import creation_time_us, is_model_id, new_job_id
from jobs.store.lookup import NotFound
from jobs.store.preparations import request_preparation
from jobs.store.tables import Dataset, ImportedModel, Job, TokenCount
from jobs.validation.field_errors import FieldError, SpecError
from model.estimate import Estimate, estimate


@dataclass(frozen=True)
class Start:
    """What a job starts from in place of drawn weights."""

    folder: Path
    """The job's folder with the checkpoint in it, which takes its place when the job is stored."""
    parent_id: str
    """The job or the model from outside whose weights they are, which is still there when this job is stored,
    or `NotFound` raised."""
    steps_done: int
    """That this job does not make again."""
    columns: dict[str, Any]
    """Of the job's row."""


def submit(
    database: Database,
    settings: Settings,
    spec: JobSpec,
    celery: Celery | None = None,
    start: Start | None = None,
) -> tuple[Job, Waiting]:
    """Check a spec against its text and the limits, store the job as `queued`, and publish it.

    celery   None leaves the publishing to the keeper
    start    None draws the weights
    returns  the job, and what it waits for
    raises   SpecError with every field that the data set or the limits rule out
    """
    dataset, counts = count_dataset(database, settings, spec)
    estimated = estimate(spec, 0 if counts is None else counts.train_tokens)
    errors = memory_errors(spec, estimated, settings, database)
    if counts is not None:
        steps_done = 0 if start is None else start.steps_done
        errors = [*text_errors(spec, counts, estimated, settings, steps_done), *errors]
    if errors:
        raise SpecError(errors)
    is_prepared = dataset.bytes <= MAX_BYTES_IN_REQUEST or has_tokens(settings, dataset, spec)
    with new_job(database, settings.artifacts, start) as (session, job_id):
        # It may have been deleted since; now it stays until the job needs it.
        if session.get(Dataset, dataset.id, with_for_update={"read": True}) is None:
            raise SpecError([FieldError("dataset", "has just been deleted", spec.dataset)])
        if counts is not None:
            store_counts(session, counts)
        if not is_prepared:
            request_preparation(session, dataset.id, spec.tokenizer, spec.training.train_ratio)
        columns = {} if start is None else start.columns
        job = insert_job(session, job_id, spec, dataset, estimated, is_prepared=is_prepared, **columns)
        waiting = waiting_by_job(session, [job], settings.lease_s)[job.id]
    if celery is not None:
        publish_if_possible(celery, job.queue if job.is_prepared else PREPARE_QUEUE)
    return job, waiting


def count_dataset(database: Database, settings: Settings, spec: JobSpec) -> tuple[Dataset, TokenCount | None]:
    """The spec's data set and its tokens; None where a worker has to count them.

    raises  SpecError if it is not there, or can't be read
    """
    try:
        dataset = find_dataset(database, settings, spec.dataset)
        counts = known_counts(database, dataset, spec.tokenizer, spec.training.train_ratio)
        if counts is None and dataset.bytes <= MAX_BYTES_IN_REQUEST:
            counts = count_tokens(database, settings, dataset, spec.tokenizer, spec.training.train_ratio)
    except (DatasetUnavailable, BadText) as error:
        raise SpecError([FieldError("dataset", str(error), spec.dataset)]) from error
    return dataset, counts


def has_tokens(settings: Settings, dataset: Dataset, spec: JobSpec) -> bool:
    """Whether there is a token file; whether it is undamaged the trainer finds out."""
    tokenizer, train_ratio = spec.tokenizer, spec.training.train_ratio
    return tokens_path(
        settings.artifacts, dataset.sha256, tokenizer, train_ratio, dataset.text_start_bytes
    ).exists()


@contextmanager
def new_job(database: Database, artifacts: Path, start: Start | None) -> Iterator[tuple[Session, str]]:
    """A transaction in which a job is stored, and its id. What it starts from lies in its folder by then."""
    if start is None:
        with database.write() as session:
            yield session, next_job_id(session)
        return
    with job_placed(database, artifacts, start.folder, next_job_id) as (session, job_id):
        kind = ImportedModel if is_model_id(start.parent_id) else Job
        if session.get(kind, start.parent_id, with_for_update={"read": True}) is None:
            raise NotFound(f"{start.parent_id} has just been deleted")
        yield session, job_id


def next_job_id(session: Session) -> str:
    return new_job_id(round(session.execute(select(now_s())).scalar_one() * 1e6))


def insert_job(
    session: Session,
    job_id: str,
    spec: JobSpec,
    dataset: Dataset,
    estimated: Estimate,
    *,
    is_prepared: bool,
    **columns: Any,
) -> Job:
    """Insert a job as `queued`, with an event that records it."""
    stored = spec.model_dump(mode="json")
    created_us = creation_time_us(job_id)
    assert created_us is not None
    job = Job(
        id=job_id,
        name=spec.name,
        status=Status.QUEUED,
        spec=stored,
        labels=stored["metadata"],
        queue=spec.queue,
        priority=spec.priority,
        dataset_id=dataset.id,
        dataset_sha256=dataset.sha256,
        is_prepared=is_prepared,
        parameters=estimated.parameters,
        total_steps=estimated.total_steps,
        memory_bytes=estimated.memory_bytes,
        created_at=created_us / 1e6,
        queued_at=now_s(),
        **columns,
    )
    session.add(job)
    session.flush()
    session.refresh(job)
    record_event(session, job.id, 0, "status", {"status": Status.QUEUED})
    return job
