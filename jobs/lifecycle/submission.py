"""Submitting a job: the checks, the row, and the message."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from celery import Celery
from sqlalchemy import inspect
from sqlalchemy.orm import Session

from jobs.broker.queue import PREPARE_QUEUE, publish_if_possible
from jobs.files.staged_jobs import job_placed
from jobs.files.token_counts import store_counts
from jobs.lifecycle.assessment import assess
from jobs.lifecycle.inputs import is_tokenised, lock_inputs
from jobs.lifecycle.waiting import Waiting, waiting_by_job
from jobs.process.logs import current_request_id
from jobs.settings import Settings
from jobs.spec.job_spec import JobSpec
from jobs.states import Status
from jobs.store.database import Database, now_s, now_us
from jobs.store.events import record_event
from jobs.store.ids import creation_time_us, is_model_id, new_job_id
from jobs.store.lookup import NotFound
from jobs.store.owner_limits import check_queued
from jobs.store.preparations import request_preparation
from jobs.store.tables import Dataset, ImportedModel, Job
from jobs.store.viewers import viewer
from jobs.validation.field_errors import SpecError
from model.estimate.estimate import Estimate


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


OnStored = Callable[[Session, Job, Waiting], None]


def nothing_more(session: Session, job: Job, waiting: Waiting) -> None:
    """The `OnStored` of whoever wants only the job stored."""


def submit(
    database: Database,
    settings: Settings,
    spec: JobSpec,
    celery: Celery | None = None,
    start: Start | None = None,
    on_stored: OnStored = nothing_more,
) -> tuple[Job, Waiting]:
    """Check a spec against its texts and the limits, store the job as `queued`, and publish it.

    Without the counts of a text's tokens only the memory is checked here. What must fit the text, the disk
    and what its owner may store too, is checked once a worker has counted them, by `finish_preparation`,
    which sets `Job.is_prepared`.

    celery   None leaves the publishing to the keeper
    start    None draws the weights
    on_stored  called at the end of the transaction that stores the job; what it raises undoes that
    returns  the job, and what it waits for
    raises   SpecError with every field that texts, tokenizer or limits rule out; TooManyQueued
    """
    assessed = assess(database, settings, spec, 0 if start is None else start.steps_done)
    if assessed.errors:
        raise SpecError(assessed.errors)
    spec, texts, estimated = assessed.spec, assessed.texts, assessed.estimated
    unprepared = [text for text in texts if not is_tokenised(settings, text, spec.tokenizer)]
    with new_job(database, settings.artifacts, start) as (session, job_id):
        check_queued(session, settings)
        lock_inputs(session, spec, texts)
        for text in texts:
            if text.counts is not None and inspect(text.counts).transient:  # else it was read
                store_counts(session, text.counts)
            if text in unprepared:
                request_preparation(session, text.dataset.id, spec.tokenizer, text.train_ratio)
        columns = {} if start is None else start.columns
        datasets = [text.dataset for text in texts]
        job = insert_job(session, job_id, spec, datasets, estimated, is_prepared=not unprepared, **columns)
        waiting = waiting_by_job(session, [job], settings.lease_s)[job.id]
        on_stored(session, job, waiting)
    if celery is not None:
        publish_if_possible(celery, job.queue if job.is_prepared else PREPARE_QUEUE)
    return job, waiting


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
    return new_job_id(now_us(session))


def insert_job(
    session: Session,
    job_id: str,
    spec: JobSpec,
    datasets: Sequence[Dataset],
    estimated: Estimate,
    *,
    is_prepared: bool,
    **columns: Any,
) -> Job:
    """Insert a job as `queued`, with an event that records it.

    datasets  the one to train on, and if there is one the one to validate on
    """
    stored = spec.model_dump(mode="json")
    created_us = creation_time_us(job_id)
    assert created_us is not None
    job = Job(
        id=job_id,
        name=spec.name,
        owner=viewer().owner,
        status=Status.QUEUED,
        spec=stored,
        labels=stored["metadata"],
        queue=spec.queue,
        priority=spec.priority,
        dataset_id=datasets[0].id,
        dataset_sha256=datasets[0].sha256,
        validation_dataset_id=datasets[1].id if len(datasets) > 1 else None,
        is_prepared=is_prepared,
        parameters=estimated.parameters,
        total_steps=estimated.total_steps,
        memory_bytes=estimated.memory_bytes,
        request_id=current_request_id(),
        created_at=created_us / 1e6,
        queued_at=now_s(),
        **columns,
    )
    session.add(job)
    session.flush()
    session.refresh(job)
    record_event(session, job.id, 0, "status", {"status": Status.QUEUED})
    return job
