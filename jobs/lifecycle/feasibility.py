"""Whether a spec is possible: what can only be checked against the tokens of its text and the limits."""

from collections.abc import Sequence

from jobs.files.disk import disk_bytes
from jobs.files.token_counts import SplitTokens
from jobs.lifecycle.workers import largest_memory
from jobs.settings import Settings
from jobs.spec.job_spec import JobSpec
from jobs.store.tables import Worker
from jobs.validation.field_errors import FieldError
from jobs.validation.quoting import gibibytes
from model.estimate.estimate import Estimate
from model.plan import Schedule


def text_errors(
    spec: JobSpec, counts: SplitTokens, estimated: Estimate, settings: Settings, steps_done: int = 0
) -> list[FieldError]:
    """What the tokens of its text rule out.

    steps_done  by the checkpoint that it goes on from
    """
    return [
        *(
            context_errors(spec, counts)
            or batch_errors(spec, counts, estimated)
            or length_errors(spec, estimated, settings, steps_done)
        ),
        *disk_errors(spec, estimated, settings),
    ]


def context_errors(spec: JobSpec, counts: SplitTokens) -> list[FieldError]:
    """A window takes one token more than the context: the last target."""
    context = spec.model.context_length
    largest = min(counts.train_tokens, counts.val_tokens) - 1
    if context <= largest:
        return []
    if spec.validation_dataset is None:
        message = (
            f"the data set {spec.dataset} has {counts.train_tokens:,} training and {counts.val_tokens:,} "
            f"validation tokens at train_ratio {spec.training.train_ratio}; "
        )
    else:
        message = (
            f"the data set {spec.dataset} has {counts.train_tokens:,} tokens to train on, and "
            f"{spec.validation_dataset} {counts.val_tokens:,} to validate on; "
        )
    message += f"the largest context that fits is {largest:,}" if largest >= 1 else "no context fits"
    return [FieldError("model.context_length", message, context)]


def batch_errors(spec: JobSpec, counts: SplitTokens, estimated: Estimate) -> list[FieldError]:
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


def length_errors(
    spec: JobSpec, estimated: Estimate, settings: Settings, steps_done: int
) -> list[FieldError]:
    """The job has more steps or samples than are allowed, or fewer steps than its warm-up, or than the
    checkpoint that it goes on from has done."""
    training, steps = spec.training, estimated.total_steps
    by_steps = training.max_steps is not None and steps == training.max_steps
    field, limit = ("max_steps", training.max_steps) if by_steps else ("num_epochs", training.num_epochs)
    errors = []
    if steps > settings.max_steps:
        message = f"comes to {steps:,} steps; the limit is {settings.max_steps:,} (PRETRAIN_MAX_STEPS)"
        errors.append(FieldError(f"training.{field}", message, limit))
    errors += sample_errors(spec, estimated, settings, FieldError(f"training.{field}", "", limit))
    if steps_done > steps:
        message = (
            f"comes to {steps:,} steps in all, and the checkpoint has done {steps_done:,}; must be greater"
        )
        errors.append(FieldError(f"training.{field}", message, limit))
    if training.warmup_steps > steps:
        message = (
            f"{training.warmup_steps:,} steps of warm-up are more than the job's {steps:,} steps "
            f"(training.{field} is {limit:,})"
        )
        errors.append(FieldError("training.warmup_steps", message, training.warmup_steps))
    return errors


def sample_errors(
    spec: JobSpec, estimated: Estimate, settings: Settings, length: FieldError
) -> list[FieldError]:
    """The job has more samples than are allowed.

    length  the field that ends it, and is called wrong where samples come by epochs alone
    """
    sampling = spec.sampling
    times = Schedule.of(spec, estimated.windows).samples_left(0)
    count, limit = times * len(sampling.prompts), f"{settings.max_samples:,} (PRETRAIN_MAX_SAMPLES)"
    if count <= settings.max_samples:
        return []
    prompts = f", {len(sampling.prompts)} at a time" if len(sampling.prompts) > 1 else ""
    if sampling.every_steps is None:
        field, value, when = length.field, length.value, "one after each epoch"
    else:
        field, value, when = "sampling.every_steps", sampling.every_steps, "by steps and epochs"
    return [FieldError(field, f"comes to {count:,} samples, {when}{prompts}; the limit is {limit}", value)]


def memory_errors(
    spec: JobSpec, estimated: Estimate, settings: Settings, workers: Sequence[Worker]
) -> list[FieldError]:
    """It needs more than the limit, where one is set, or than any worker has.

    workers  the live ones of its queue
    """
    needed = f"{estimated.parameters:,} parameters need about {gibibytes(estimated.memory_bytes)} to train, "
    largest = largest_memory(workers)
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


def store_errors(
    spec: JobSpec, estimated: Estimate, settings: Settings, left: int | None
) -> list[FieldError]:
    """Its checkpoints would have more bytes than its owner may still store.

    left  of these; None: any number
    """
    if left is None or (estimated.checkpoints_bytes <= left and left > 0):
        return []
    message = (
        f"its checkpoints need about {gibibytes(estimated.checkpoints_bytes)} at once, and its owner may "
        f"store {gibibytes(max(0, left))} more of {gibibytes(settings.max_stored_bytes)} "
        "(PRETRAIN_MAX_STORED_BYTES); DELETE of jobs, data sets and models, and POST /disk/prune, make room"
    )
    return [FieldError("checkpoints", message, spec.checkpoints.model_dump())]
