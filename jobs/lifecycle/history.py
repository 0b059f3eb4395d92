"""A job's history: evaluations and samples, written by one attempt, read by all."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, case, delete, literal, or_, select, tuple_, update
from sqlalchemy.orm import Session

from jobs.lifecycle.attempts import fenced_update
from jobs.lifecycle.downsampling import COLUMNS, columns_between, evaluations_between
from jobs.spec.stored_specs import UnreadableSpec, read_spec
from jobs.store.database import insert_if_absent, is_one_of, now_s, upsert
from jobs.store.events import record_event, ring_when_committed
from jobs.store.ids import sample_place
from jobs.store.lookup import BadCursor, NotFound
from jobs.store.tables import Checkpoint, Evaluation, Job, Sample, TokenCount
from jobs.validation.quoting import quoted
from model.config import MAX_PROMPTS
from model.steps import tokens_per_epoch

BEFORE_ALL_SAMPLES = (-1, -1)


def record_progress(session: Session, job_id: str, attempt: int, **progress: Any) -> None:
    """Update `step`, `epoch`, `tokens_seen`, `tokens_per_s`, `remaining_s`. raises Fenced"""
    fenced_update(session, job_id, attempt, **progress)
    ring_when_committed(session)


def record_evaluation(session: Session, job_id: str, attempt: int, evaluation: dict[str, Any]) -> None:
    """Add an evaluation, the progress that it implies, and an event. A resumed attempt overwrites those that
    it computes again, of which there is no second event. raises Fenced"""
    step, val_loss = evaluation["step"], evaluation["val_loss"]
    train_loss, epoch, tokens_seen = (evaluation[name] for name in ("train_loss", "epoch", "tokens_seen"))
    val_bpb = evaluation.get("val_bpb")
    latest = {"latest_step": step, "latest_train_loss": train_loss, "latest_val_loss": val_loss}
    progress = {"step": step + 1, "epoch": epoch, "tokens_seen": tokens_seen, "latest_val_bpb": val_bpb}
    best = columns_if_best(step=step, val_loss=val_loss, val_bpb=val_bpb)
    fenced_update(session, job_id, attempt, **latest, **progress, **best)
    row = {"job_id": job_id, "recorded_at": now_s(), **evaluation}
    if insert_if_absent(session, Evaluation, row):
        record_event(session, job_id, attempt, "evaluation", evaluation)
        return
    upsert(session, Evaluation, ["job_id", "step"], row)
    # Looked for, because the one that is overwritten may have been the best.
    session.execute(update(Job).where(Job.id == job_id).values(**best_columns(session, job_id)))


def columns_if_best(**values: float | None) -> dict[str, ColumnElement[Any]]:
    """Of a job, once it has an evaluation that is new: it is the best if its validation loss is the lowest,
    and of equals the earliest. To look for the best at each would take the trainer one more round trip, and
    the job's row one more version."""
    columns = {name: getattr(Job, f"best_{name}") for name in values}
    new = {name: literal(value, columns[name].type) for name, value in values.items()}
    is_worse = tuple_(Job.best_val_loss, Job.best_step) > tuple_(new["val_loss"], new["step"])
    is_best = or_(Job.best_step.is_(None), is_worse)
    return {f"best_{name}": case((is_best, new[name]), else_=column) for name, column in columns.items()}


def best_columns(session: Session, job_id: str) -> dict[str, Any]:
    """Of a job, by its evaluation of lowest validation loss."""
    of_job = select(Evaluation).where(Evaluation.job_id == job_id)
    best = session.scalar(of_job.order_by(Evaluation.val_loss, Evaluation.step).limit(1))
    return {f"best_{name}": getattr(best, name, None) for name in ("step", "val_loss", "val_bpb")}


def latest_columns(session: Session, job_id: str) -> dict[str, Any]:
    """Of a job, by its newest evaluation."""
    of_job = select(Evaluation).where(Evaluation.job_id == job_id)
    latest = session.scalar(of_job.order_by(Evaluation.step.desc()).limit(1))
    names = ("step", "train_loss", "val_loss", "val_bpb")
    return {f"latest_{name}": getattr(latest, name, None) for name in names}


def record_sample(session: Session, job_id: str, attempt: int, sample: dict[str, Any]) -> None:
    """Add a sample, and an event unless it is there already. Those of one step are added in one transaction:
    readers go on behind a step. raises Fenced"""
    fenced_update(session, job_id, attempt)
    values = {"index": 0, **sample}
    is_there = (*is_row(Sample, job_id, values["step"]), Sample.index == values["index"])
    if session.scalar(select(Sample.step).where(*is_there)) is None:
        record_event(session, job_id, attempt, "sample", values)
    upsert(session, Sample, ["job_id", "step", "index"], {"job_id": job_id, "recorded_at": now_s(), **values})


def forget_later(
    session: Session, job_id: str, attempt: int, step: int, epoch: int, tokens_seen: int
) -> list[str]:
    """Of a run that ends after `step` updates: delete what attempts that were lost have recorded of later
    ones. Returns the directories of their checkpoints. raises Fenced"""
    fenced_update(session, job_id, attempt, step=step, epoch=epoch, tokens_seen=tokens_seen)
    session.execute(delete(Evaluation).where(Evaluation.job_id == job_id, Evaluation.step >= step))
    session.execute(delete(Sample).where(Sample.job_id == job_id, Sample.step >= step))
    later = delete(Checkpoint).where(Checkpoint.job_id == job_id, Checkpoint.step > step)
    directories = list(session.scalars(later.returning(Checkpoint.directory)))
    columns = {**latest_columns(session, job_id), **best_columns(session, job_id)}
    session.execute(update(Job).where(Job.id == job_id).values(**columns))
    return directories


def is_row(
    table: type[Evaluation] | type[Sample], job_id: str, step: int
) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return table.job_id == job_id, table.step == step


def list_evaluations(
    session: Session,
    job_id: str,
    since_step: int = -1,
    until_step: int | None = None,
    limit: int | None = None,
) -> list[Evaluation]:
    """Evaluations of later steps than `since_step`, up to `until_step`, in order."""
    between = evaluations_between(job_id, since_step, until_step)
    return list(session.scalars(between.order_by(Evaluation.step).limit(limit)))


def list_columns(
    session: Session,
    names: Sequence[str],
    job_id: str,
    since_step: int = -1,
    until_step: int | None = None,
    limit: int | None = None,
    steps: Sequence[int] | None = None,
) -> Sequence[Row[Any]]:
    """Of each evaluation as `list_evaluations` finds it the values of these columns, which costs less.

    steps  these, whichever they are; None for those of the range
    """
    if steps is None:
        between = columns_between(names, job_id, since_step, until_step)
        return session.execute(between.limit(limit)).all()
    # And no range, which SQLite would rather read through.
    those = select(*(COLUMNS[name] for name in names)).where(
        COLUMNS.job_id == job_id, is_one_of(session, COLUMNS.step, steps)
    )
    return session.execute(those.order_by(COLUMNS.step).limit(limit)).all()


def epoch_tokens(session: Session, job: Job, evaluations: Sequence[Row[Any]]) -> int:
    """Tokens that a whole epoch of a stored job trains on: by its spec and the counts of its text.

    Where a stored spec or a count can no longer be read, by the tokens and epochs of the evaluations: too few
    while the first epoch runs, exact from its end on.
    """
    if estimated := estimated_epoch_tokens(session, job):
        return estimated
    seen_per_epoch = (-(-row.tokens_seen // row.epoch) for row in evaluations if row.epoch)
    return max(seen_per_epoch, default=1)


def estimated_epoch_tokens(session: Session, job: Job) -> int | None:
    try:
        spec = read_spec(job.spec)
    except UnreadableSpec:
        return None
    counts = session.get(TokenCount, (job.dataset_id, spec.tokenizer, spec.training.train_share))
    return None if counts is None else tokens_per_epoch(spec, counts.train_tokens)


def list_samples(
    session: Session,
    job_id: str,
    since_step: int = -1,
    limit: int | None = None,
    after: tuple[int, int] = BEFORE_ALL_SAMPLES,
) -> list[Sample]:
    """Samples of later steps than `since_step`, by step and prompt, behind the one of that step and index."""
    later = select(Sample).where(Sample.job_id == job_id, Sample.step > since_step)
    if after != BEFORE_ALL_SAMPLES:
        later = later.where(tuple_(Sample.step, Sample.index) > after)
    return list(session.scalars(later.order_by(Sample.step, Sample.index).limit(limit)))


def get_sample(session: Session, job_id: str, step: str, index: str) -> Sample:
    """The one of that step and prompt. raises NotFound"""
    place = sample_place(f"sample-{step}-{index}")
    sample = None if place is None else session.get(Sample, (job_id, *place))
    if sample is None:
        raise NotFound(f"job {job_id} has no sample of step {quoted(step)} and index {quoted(index)}")
    return sample


def samples_page(
    session: Session, job_id: str, since_step: int, limit: int, after: str | None = None
) -> tuple[list[Sample], bool]:
    """At most `limit` samples behind the one with the id `after`, which may be gone; and whether there are
    more. raises BadCursor

    Without `after` those of whole steps, since whoever asks may go on behind a step, and at least one step's.
    """
    if after is not None:
        samples = list_samples(session, job_id, since_step, limit + 1, place_of_sample(after))
        return samples[:limit], len(samples) > limit
    samples = list_samples(session, job_id, since_step, limit + MAX_PROMPTS)
    if len(samples) <= limit:
        return samples, False
    whole = [sample for sample in samples if sample.step < samples[limit].step]
    page = whole or [sample for sample in samples if sample.step == samples[0].step]
    return page, len(samples) > len(page)


def place_of_sample(cursor: str) -> tuple[int, int]:
    """Its step and index. raises BadCursor"""
    if (place := sample_place(cursor)) is None:
        raise BadCursor(f"after: no sample {quoted(cursor)}")
    return place
