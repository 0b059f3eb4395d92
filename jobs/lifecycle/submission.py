"""Submitting a job: the checks, the row, and the message."""

from celery import Celery
from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs.broker.queue import PREPARE_QUEUE, publish_if_possible
from jobs.files.arriving_text import BadText
from jobs.files.builtin_datasets import DatasetUnavailable
from jobs.files.datasets import count_tokens, find_dataset
from jobs.files.layout import tokens_path
from jobs.files.token_counts import MAX_BYTES_IN_REQUEST, known_counts, store_counts
from jobs.files.tokenizers import TokenizerLost, TokenizerNotReady, find_tokenizer
from jobs.lifecycle.feasibility import memory_errors, text_errors
from jobs.lifecycle.waiting import Waiting, waiting_by_job
from jobs.settings import Settings
from jobs.spec.job_spec import TOKENIZER_UNKNOWN, JobSpec
from jobs.states import Status
from jobs.store.database import Database, now_s
from jobs.store.events import record_event
from jobs.store.ids import new_job_id
from jobs.store.lookup import NotFound
from jobs.store.preparations import FAILED, QUEUED, RUNNING, request_preparation
from jobs.store.tables import Dataset, Job, TokenCount, TrainedTokenizer
from jobs.store.tokenizers import get_tokenizer
from jobs.validation.field_errors import FieldError, SpecError
from model.estimate import Estimate, estimate
from model.tokenizers import TOKENIZERS, Tokenizer


def submit(
    database: Database, settings: Settings, spec: JobSpec, celery: Celery | None = None
) -> tuple[Job, Waiting]:
    """Check a spec against its text and the limits, store the job as `queued`, and publish it.

    celery   None leaves the publishing to the keeper
    returns  the job, and what it waits for
    raises   SpecError with every field that data set, tokenizer or limits rule out
    """
    dataset, tokenizer, counts = find_inputs(database, settings, spec)
    if isinstance(tokenizer, TrainedTokenizer):  # the most that its vocabulary may become
        spec = spec.with_vocab_size(tokenizer.asked_vocab_size)
    elif tokenizer.name not in TOKENIZERS:
        spec = spec.with_vocab_size(tokenizer.vocab_size)
    estimated = estimate(spec, 0 if counts is None else counts.train_tokens)
    errors = memory_errors(spec, estimated, settings, database)
    if counts is not None:
        errors = [*text_errors(spec, counts, estimated, settings), *errors]
    if errors:
        raise SpecError(errors)
    is_prepared = counts is not None and (
        dataset.bytes <= MAX_BYTES_IN_REQUEST or has_tokens(settings, dataset, spec)
    )
    with database.write() as session:
        lock_needed(session, spec, dataset)
        if counts is not None:
            store_counts(session, counts)
        if not is_prepared:
            request_preparation(session, dataset.id, spec.tokenizer, spec.training.train_ratio)
        job = insert_job(session, spec, dataset, estimated, is_prepared=is_prepared)
        waiting = waiting_by_job(session, [job], settings.lease_s)[job.id]
    if celery is not None:
        publish_if_possible(celery, job.queue if job.is_prepared else PREPARE_QUEUE)
    return job, waiting


def find_inputs(
    database: Database, settings: Settings, spec: JobSpec
) -> tuple[Dataset, Tokenizer | TrainedTokenizer, TokenCount | None]:
    """The spec's data set, its tokenizer, or the row of one that is still being trained, and the tokens; None
    where a worker has to count them.

    raises  SpecError if one is not there, or can't be read
    """
    errors: list[FieldError] = []
    dataset, tokenizer, counts = None, None, None
    try:
        tokenizer = find_tokenizer_or_row(database, settings, spec.tokenizer)
    except (NotFound, TokenizerNotReady, TokenizerLost) as error:
        message = TOKENIZER_UNKNOWN if isinstance(error, NotFound) else str(error)
        errors.append(FieldError("tokenizer", message, spec.tokenizer))
    try:
        dataset = find_dataset(database, settings, spec.dataset)
        if tokenizer is not None and not isinstance(tokenizer, TrainedTokenizer):
            counts = known_counts(database, dataset, tokenizer.name, spec.training.train_ratio)
            if counts is None and dataset.bytes <= MAX_BYTES_IN_REQUEST:
                counts = count_tokens(database, settings, dataset, tokenizer, spec.training.train_ratio)
    except (DatasetUnavailable, BadText) as error:
        errors.append(FieldError("dataset", str(error), spec.dataset))
    if errors or dataset is None or tokenizer is None:
        raise SpecError(errors)
    return dataset, tokenizer, counts


def find_tokenizer_or_row(database: Database, settings: Settings, name: str) -> Tokenizer | TrainedTokenizer:
    """raises as `find_tokenizer`, but returns the row of a tokenizer that is still being trained"""
    if name not in TOKENIZERS:
        with database.read() as session:
            trained = get_tokenizer(session, name)
        if trained.status in (QUEUED, RUNNING):
            return trained
    return find_tokenizer(database, settings, name)


def lock_needed(session: Session, spec: JobSpec, dataset: Dataset) -> None:
    """Until the transaction ends, nobody deletes what the job needs; from then on the job keeps it.

    raises  SpecError for what has been deleted since it was found, or failed
    """
    if session.get(Dataset, dataset.id, with_for_update={"read": True}) is None:
        raise SpecError([FieldError("dataset", "has just been deleted", spec.dataset)])
    if spec.tokenizer in TOKENIZERS:
        return
    trained = session.get(TrainedTokenizer, spec.tokenizer, with_for_update={"read": True})
    if trained is None:
        raise SpecError([FieldError("tokenizer", "has just been deleted", spec.tokenizer)])
    if trained.status == FAILED:
        message = f"the tokenizer {trained.id} could not be trained: {trained.error}"
        raise SpecError([FieldError("tokenizer", message, spec.tokenizer)])


def has_tokens(settings: Settings, dataset: Dataset, spec: JobSpec) -> bool:
    """Whether there is a token file; whether it is undamaged the trainer finds out."""
    tokenizer, train_ratio = spec.tokenizer, spec.training.train_ratio
    return tokens_path(
        settings.artifacts, dataset.sha256, tokenizer, train_ratio, dataset.text_start_bytes
    ).exists()


def insert_job(
    session: Session, spec: JobSpec, dataset: Dataset, estimated: Estimate, *, is_prepared: bool
) -> Job:
    """Insert a job as `queued`, with an event that records it."""
    stored = spec.model_dump(mode="json")
    created_us = round(session.execute(select(now_s())).scalar_one() * 1e6)
    job = Job(
        id=new_job_id(created_us),
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
    )
    session.add(job)
    session.flush()
    session.refresh(job)
    record_event(session, job.id, 0, "status", {"status": Status.QUEUED})
    return job
