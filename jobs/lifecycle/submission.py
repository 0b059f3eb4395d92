"""Submitting a job: what can only be checked against the data and the limits, the row, and the message."""

from celery import Celery
from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs.broker.queue import publish_if_possible
from jobs.files.builtin_datasets import DatasetUnavailable
from jobs.files.datasets import BadText, count_tokens, find_dataset
from jobs.files.disk import disk_bytes
from jobs.files.token_counts import store_counts
from jobs.lifecycle.waiting import Waiting, waiting_by_job
from jobs.lifecycle.workers import largest_memory
from jobs.settings import Settings
from jobs.spec.job_spec import JobSpec
from jobs.states import Status
from jobs.store.database import Database, now_s
from jobs.store.events import record_event
from jobs.store.ids import new_job_id
from jobs.store.tables import Dataset, Job, TokenCount
from jobs.validation.field_errors import FieldError, SpecError
from jobs.validation.quoting import gibibytes
from model.estimate import Estimate, estimate


def submit(
    database: Database, settings: Settings, spec: JobSpec, celery: Celery | None = None
) -> tuple[Job, Waiting]:
    """Check a spec against its text and the limits, store the job as `queued`, and publish it.

    celery   None leaves the publishing to the keeper
    returns  the job, and what it waits for
    raises   SpecError with every field that the data set or the limits rule out
    """
    dataset, counts = count_dataset(database, settings, spec)
    estimated = estimate(spec, counts.train_tokens)
    errors = [
        *(
            context_errors(spec, counts)
            or batch_errors(spec, counts, estimated)
            or length_errors(spec, estimated, settings)
        ),
        *memory_errors(spec, estimated, settings, database),
        *disk_errors(spec, estimated, settings),
    ]
    if errors:
        raise SpecError(errors)
    with database.write() as session:
        store_counts(session, counts)
        job = insert_job(session, spec, dataset, estimated)
        waiting = waiting_by_job(session, [job], settings.lease_s)[job.id]
    if celery is not None:
        publish_if_possible(celery, job.queue)
    return job, waiting


def count_dataset(database: Database, settings: Settings, spec: JobSpec) -> tuple[Dataset, TokenCount]:
    """The spec's data set and its tokens. raises SpecError if it is not there, or can't be read"""
    try:
        dataset = find_dataset(database, settings, spec.dataset)
        counts = count_tokens(database, settings, dataset, spec.tokenizer, spec.training.train_ratio)
    except (DatasetUnavailable, BadText) as error:
        raise SpecError([FieldError("dataset", str(error), spec.dataset)]) from error
    return dataset, counts


def context_errors(spec: JobSpec, counts: TokenCount) -> list[FieldError]:
    """A window takes one token more than the context: the last target."""
    context = spec.model.context_length
    largest = min(counts.train_tokens, counts.val_tokens) - 1
    if context <= largest:
        return []
    message = (
        f"the data set {spec.dataset} has {counts.train_tokens:,} training and {counts.val_tokens:,} "
        f"validation tokens at train_ratio {spec.training.train_ratio}; "
    )
    message += f"the largest context that fits is {largest:,}" if largest >= 1 else "no context fits"
    return [FieldError("model.context_length", message, context)]


def batch_errors(spec: JobSpec, counts: TokenCount, estimated: Estimate) -> list[FieldError]:
    """Incomplete training batches are dropped, so there must be a complete one."""
    training, context, windows = spec.training, spec.model.context_length, estimated.windows
    if windows >= training.batch_size:
        return []
    largest_stride = (counts.train_tokens - context - 1) // (training.batch_size - 1)
    if training.stride is not None and largest_stride >= context:
        message = (
            f"leaves {windows:,} of the windows of {context:,} tokens in the training text's "
            f"{counts.train_tokens:,}, fewer than training.batch_size ({training.batch_size:,}); "
            f"must be at most {largest_stride:,}"
        )
        return [FieldError("training.stride", message, training.stride)]
    stride = "" if training.stride is None else f" at training.stride {training.stride:,}"
    message = (
        f"the training text has {windows:,} windows of {context:,} tokens{stride}; "
        "at most that many fit a batch"
    )
    return [FieldError("training.batch_size", message, training.batch_size)]


def length_errors(spec: JobSpec, estimated: Estimate, settings: Settings) -> list[FieldError]:
    """The job has more steps or samples than are allowed, or fewer steps than its warm-up."""
    training, steps = spec.training, estimated.total_steps
    by_steps = training.max_steps is not None and steps == training.max_steps
    field, limit = ("max_steps", training.max_steps) if by_steps else ("num_epochs", training.num_epochs)
    samples = -(-steps // estimated.steps_per_epoch)
    errors = []
    for count, most, what, setting in (
        (steps, settings.max_steps, "steps", "PRETRAIN_MAX_STEPS"),
        (samples, settings.max_samples, "samples, one after each epoch", "PRETRAIN_MAX_SAMPLES"),
    ):
        if count > most:
            message = f"comes to {count:,} {what}; the limit is {most:,} ({setting})"
            errors.append(FieldError(f"training.{field}", message, limit))
    if training.warmup_steps > steps:
        message = (
            f"{training.warmup_steps:,} steps of warm-up are more than the job's {steps:,} steps "
            f"(training.{field} is {limit:,})"
        )
        errors.append(FieldError("training.warmup_steps", message, training.warmup_steps))
    return errors


def memory_errors(
    spec: JobSpec, estimated: Estimate, settings: Settings, database: Database
) -> list[FieldError]:
    """It needs more than the limit, where one is set, or than any live worker of its queue has."""
    needed = f"{estimated.parameters:,} parameters need about {gibibytes(estimated.memory_bytes)} to train, "
    with database.read() as session:
        largest = largest_memory(session, spec.queue, settings.lease_s)
    if settings.max_job_memory is not None and estimated.memory_bytes > settings.max_job_memory:
        needed += f"more than the limit of {gibibytes(settings.max_job_memory)} (PRETRAIN_MAX_JOB_MEMORY)"
    elif largest is not None and estimated.memory_bytes > largest:
        needed += f"more than any worker of the queue {spec.queue} has; the largest has {gibibytes(largest)}"
    else:
        return []
    return [FieldError("model", needed, spec.model.model_dump())]


def disk_errors(spec: JobSpec, estimated: Estimate, settings: Settings) -> list[FieldError]:
    """Its checkpoints would not fit an empty disk."""
    disk = disk_bytes(settings.artifacts)
    if estimated.checkpoints_bytes <= disk:
        return []
    message = (
        f"its checkpoints need {gibibytes(estimated.checkpoints_bytes)} at once, more than the whole disk of "
        f"{gibibytes(disk)}; a smaller model or a smaller checkpoints.keep_last would fit"
    )
    return [FieldError("checkpoints", message, spec.checkpoints.model_dump())]


def insert_job(session: Session, spec: JobSpec, dataset: Dataset, estimated: Estimate) -> Job:
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
