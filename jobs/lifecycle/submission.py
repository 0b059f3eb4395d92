"""Submitting a job: the checks, the row, and the message."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from celery import Celery
from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs.broker.queue import PREPARE_QUEUE, publish_if_possible
from jobs.files.staged_jobs import job_placed
from jobs.files.token_counts import SplitTokens, store_counts
from jobs.lifecycle.feasibility import memory_errors, text_errors
from jobs.lifecycle.inputs import find_inputs, is_prepared, lock_inputs
from jobs.lifecycle.waiting import Waiting, waiting_by_job
from jobs.settings import Settings
from jobs.spec.job_spec import JobSpec
from jobs.states import Status
from jobs.store.database import Database, now_s
from jobs.store.events import record_event
from jobs.store.ids import creation_time_us, is_model_id, new_job_id
from jobs.store.lookup import NotFound
from jobs.store.preparations import request_preparation
from jobs.store.tables import Dataset, ImportedModel, Job, TrainedTokenizer
from jobs.validation.field_errors import SpecError
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
    """Check a spec against its texts and the limits, store the job as `queued`, and publish it.

    celery   None leaves the publishing to the keeper
    start    None draws the weights
    returns  the job, and what it waits for
    raises   SpecError with every field that texts, tokenizer or limits rule out
    """
    tokenizer, texts = find_inputs(database, settings, spec)
    if isinstance(tokenizer, TrainedTokenizer):  # the most that its vocabulary may become
        spec = spec.with_vocab_size(tokenizer.asked_vocab_size)
    else:
        spec = spec.with_tokenizer(tokenizer)
    counts = [text.counts for text in texts if text.counts is not None]
    tokens = SplitTokens.of(counts) if len(counts) == len(texts) else None
    estimated = estimate(spec, 0 if tokens is None else tokens.train_tokens)
    errors = memory_errors(spec, estimated, settings, database)
    if tokens is not None:
        steps_done = 0 if start is None else start.steps_done
        errors = [*text_errors(spec, tokens, estimated, settings, steps_done), *errors]
    if errors:
        raise SpecError(errors)
    unprepared = [text for text in texts if not is_prepared(settings, text, spec.tokenizer)]
    with new_job(database, settings.artifacts, start) as (session, job_id):
        lock_inputs(session, spec, texts)
        for text in texts:
            if text.counts is not None:
                store_counts(session, text.counts)
            if text in unprepared:
                request_preparation(session, text.dataset.id, spec.tokenizer, text.train_ratio)
        columns = {} if start is None else start.columns
        datasets = [text.dataset for text in texts]
        job = insert_job(session, job_id, spec, datasets, estimated, is_prepared=not unprepared, **columns)
        waiting = waiting_by_job(session, [job], settings.lease_s)[job.id]
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
    return new_job_id(round(session.execute(select(now_s())).scalar_one() * 1e6))


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
        created_at=created_us / 1e6,
        queued_at=now_s(),
        **columns,
    )
    session.add(job)
    session.flush()
    session.refresh(job)
    record_event(session, job.id, 0, "status", {"status": Status.QUEUED})
    return job
