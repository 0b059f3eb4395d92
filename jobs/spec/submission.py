"""Taking a job in: what can only be checked against the data and the limits, then the row."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs.files.datasets import BadText, DatasetUnavailable, count_tokens, find_dataset, store_counts
from jobs.files.disk import checkpoints_bytes, disk_bytes
from jobs.lifecycle.workers import largest_memory
from jobs.settings import Settings
from jobs.spec.estimate import Estimate, estimate, gibibytes, steps_of_epoch, training_windows
from jobs.spec.field_errors import FieldError, SpecError
from jobs.spec.job_spec import JobSpec
from jobs.states import Status
from jobs.store.database import Database, now_s
from jobs.store.events import record_event
from jobs.store.ids import new_job_id
from jobs.store.tables import Dataset, Job, TokenCount


def submit(database: Database, settings: Settings, spec: JobSpec) -> Job:
    """Store a job as `queued`. Publishing it is the caller's, after this has committed.

    raises  SpecError with every field that the data set or the limits rule out
    """
    feasible = check_feasible(database, settings, spec)
    with database.write() as session:
        return store_job(session, feasible)


@dataclass(frozen=True)
class Feasible:
    """A spec that can be run here: its data set, the tokens of that, and what the job would take."""

    spec: JobSpec
    dataset: Dataset
    counts: TokenCount
    estimated: Estimate


def check_feasible(database: Database, settings: Settings, spec: JobSpec) -> Feasible:
    """raises  SpecError if it cannot be run here"""
    try:
        dataset = find_dataset(database, settings, spec.dataset)
    except DatasetUnavailable as unavailable:
        raise SpecError([FieldError("dataset", str(unavailable), spec.dataset)]) from unavailable
    try:
        counts = count_tokens(database, settings, dataset, spec.tokenizer, spec.training.train_ratio)
    except BadText as error:
        raise SpecError([FieldError("dataset", str(error), spec.dataset)]) from error
    estimated = estimate(spec, counts)
    errors = context_errors(spec, counts) or batch_errors(spec, counts)
    errors += [] if errors else length_errors(spec, counts, estimated.total_steps, settings)
    errors += memory_errors(database, settings, spec, estimated)
    needed, disk = checkpoints_bytes(spec, estimated.total_steps), disk_bytes(settings.artifacts)
    if needed > disk:
        message = (
            f"its checkpoints need {gibibytes(needed)} at once, more than the whole disk of "
            f"{gibibytes(disk)}; a smaller model or a smaller checkpoints.keep_last would fit"
        )
        errors.append(FieldError("checkpoints", message, spec.checkpoints.model_dump()))
    if errors:
        raise SpecError(errors)
    return Feasible(spec, dataset, counts, estimated)


def length_errors(spec: JobSpec, counts: TokenCount, steps: int, settings: Settings) -> list[FieldError]:
    """What is wrong with how long the job runs, counted by the steps that it will take."""
    training = spec.training
    by_steps = training.max_steps is not None and steps == training.max_steps
    field, limit = ("max_steps", training.max_steps) if by_steps else ("num_epochs", training.num_epochs)
    samples = -(-steps // steps_of_epoch(spec, counts))
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
    database: Database, settings: Settings, spec: JobSpec, estimated: Estimate
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


def batch_errors(spec: JobSpec, counts: TokenCount) -> list[FieldError]:
    """Incomplete training batches are dropped, so there must be a complete one."""
    training, context = spec.training, spec.model.context_length
    windows = training_windows(spec, counts)
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


def store_job(session: Session, feasible: Feasible) -> Job:
    """Store a job as `queued`."""
    spec, dataset, estimated = feasible.spec, feasible.dataset, feasible.estimated
    store_counts(session, feasible.counts)
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
