"""A job's history: evaluations, samples and checkpoints, written by one attempt, read by all."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from jobs.lifecycle.attempts import fenced_update
from jobs.lifecycle.downsampling import evaluations_between
from jobs.spec.stored_specs import UnreadableSpec, read_spec
from jobs.store.database import now_s, upsert
from jobs.store.ids import new_id
from jobs.store.lookup import NotFound
from jobs.store.tables import Checkpoint, Evaluation, Job, Sample, TokenCount
from model.estimate import tokens_per_epoch

STEPS_NAMED = 10
"""In a message, at most."""


def record_progress(session: Session, job_id: str, attempt: int, **progress: Any) -> None:
    """Update `step`, `epoch`, `tokens_seen`, `tokens_per_s`, `remaining_s`. raises Fenced"""
    fenced_update(session, job_id, attempt, **progress)


def record_evaluation(session: Session, job_id: str, attempt: int, evaluation: dict[str, Any]) -> None:
    """Add an evaluation, and the progress that it implies. A resumed attempt overwrites those that it
    computes again. raises Fenced"""
    step, val_loss = evaluation["step"], evaluation["val_loss"]
    train_loss, epoch, tokens_seen = (evaluation[name] for name in ("train_loss", "epoch", "tokens_seen"))
    val_bpb = evaluation.get("val_bpb")
    latest = {"latest_step": step, "latest_train_loss": train_loss, "latest_val_loss": val_loss}
    progress = {"step": step + 1, "epoch": epoch, "tokens_seen": tokens_seen}
    fenced_update(session, job_id, attempt, **latest, latest_val_bpb=val_bpb, **progress)
    upsert(session, Evaluation, ["job_id", "step"], {"job_id": job_id, "recorded_at": now_s(), **evaluation})
    best = session.execute(
        select(Evaluation.step, Evaluation.val_loss, Evaluation.val_bpb)
        .where(Evaluation.job_id == job_id)
        .order_by(Evaluation.val_loss, Evaluation.step)
        .limit(1)
    ).one()
    columns = {"best_step": best.step, "best_val_loss": best.val_loss, "best_val_bpb": best.val_bpb}
    session.execute(update(Job).where(Job.id == job_id).values(**columns))


def record_sample(session: Session, job_id: str, attempt: int, sample: dict[str, Any]) -> None:
    """Add a sample. raises Fenced"""
    fenced_update(session, job_id, attempt)
    upsert(session, Sample, ["job_id", "step"], {"job_id": job_id, "recorded_at": now_s(), **sample})


@dataclass(frozen=True)
class Superseded:
    """Files that a new checkpoint makes useless, to delete once the transaction has committed."""

    directories: list[str]
    training_states: list[str]


def record_checkpoint(
    session: Session, job_id: str, attempt: int, checkpoint: dict[str, Any], keep_last: int, keep_best: int
) -> Superseded:
    """Add a checkpoint and remove those that retention does not keep. raises Fenced

    Of those that can be resumed, the newest `keep_last` keep all that this needs; the `keep_best` of lowest
    validation loss keep their weights. A new one to resume from is progress, so crashes are counted anew.
    """
    defaults = {"id": new_id("checkpoint"), "job_id": job_id, "created_at": now_s(), "resumable": True}
    values = {**defaults, **checkpoint}
    fenced_update(session, job_id, attempt, **({"failures": 0} if values["resumable"] else {}))
    is_same_step = (Checkpoint.job_id == job_id, Checkpoint.step == values["step"])
    replaced = set(session.scalars(select(Checkpoint.directory).where(*is_same_step)))
    upsert(session, Checkpoint, ["job_id", "step"], values)

    listed = list_checkpoints(session, job_id)
    last = {row.id for row in [row for row in listed if row.resumable][-keep_last:]}
    best = {row.id for row in by_val_loss(listed)[:keep_best]}
    removed = [row for row in listed if row.id not in last | best]
    weights_only = [row for row in listed if row.id in best - last and row.resumable]
    session.execute(delete(Checkpoint).where(Checkpoint.id.in_([row.id for row in removed])))
    for row in weights_only:
        row.resumable = False
    return Superseded(
        directories=sorted((replaced - {values["directory"]}) | {row.directory for row in removed}),
        training_states=[row.directory for row in weights_only],
    )


def resize_checkpoint(session: Session, directory: str, size_bytes: int) -> None:
    """Record that a checkpoint takes less space since its training state is gone."""
    session.execute(update(Checkpoint).where(Checkpoint.directory == directory).values(bytes=size_bytes))


def drop_checkpoint(session: Session, job_id: str, attempt: int, checkpoint_id: str) -> bool:
    """Stop listing a checkpoint that turned out to be damaged; False if it is no longer listed anyway. raises
    Fenced"""
    fenced_update(session, job_id, attempt)
    dropped = delete(Checkpoint).where(Checkpoint.id == checkpoint_id).returning(Checkpoint.id)
    return session.execute(dropped).first() is not None


def is_listed(session: Session, directory: str) -> bool:
    """Whether there is a checkpoint in that directory, relative to the artifacts."""
    return session.scalar(select(Checkpoint.id).where(Checkpoint.directory == directory)) is not None


def checkpoints_bytes(session: Session, job_ids: Sequence[str]) -> dict[str, int]:
    """By the ids of those of the jobs that have any, the size of all their checkpoints."""
    sizes = select(Checkpoint.job_id, func.sum(Checkpoint.bytes)).where(Checkpoint.job_id.in_(job_ids))
    return {job_id: int(size) for job_id, size in session.execute(sizes.group_by(Checkpoint.job_id))}


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


def epoch_tokens(session: Session, job: Job, evaluations: Sequence[Evaluation]) -> int:
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
    session: Session, job_id: str, since_step: int = -1, limit: int | None = None
) -> list[Sample]:
    later = select(Sample).where(Sample.job_id == job_id, Sample.step > since_step)
    return list(session.scalars(later.order_by(Sample.step).limit(limit)))


def list_checkpoints(session: Session, job_id: str) -> list[Checkpoint]:
    """Oldest first."""
    of_job = select(Checkpoint).where(Checkpoint.job_id == job_id)
    return list(session.scalars(of_job.order_by(Checkpoint.step)))


def list_jobs_checkpoints(session: Session) -> list[list[Checkpoint]]:
    """Of every job that has any: those of the newest job first, each job's oldest first."""
    of_jobs = select(Checkpoint).join(Job, Job.id == Checkpoint.job_id)
    rows = session.scalars(of_jobs.order_by(Job.created_at.desc(), Job.id.desc(), Checkpoint.step))
    return [list(group) for _, group in groupby(rows, key=lambda row: row.job_id)]


def by_val_loss(checkpoints: list[Checkpoint]) -> list[Checkpoint]:
    """The lowest validation loss first; of equals, the newest."""
    return sorted(checkpoints, key=lambda checkpoint: (checkpoint.val_loss, -checkpoint.step))


def checkpoint_kinds(checkpoints: list[Checkpoint]) -> dict[str, list[str]]:
    """For each checkpoint's id, which of `last` and `best` it is."""
    kinds: dict[str, list[str]] = {checkpoint.id: [] for checkpoint in checkpoints}
    if checkpoints:
        kinds[checkpoints[-1].id].append("last")
        kinds[by_val_loss(checkpoints)[0].id].append("best")
    return kinds


def find_checkpoint(session: Session, job_id: str, name: str) -> Checkpoint:
    """The checkpoint `last`, `best`, or of a step. raises NotFound"""
    checkpoints = list_checkpoints(session, job_id)
    if name == "last":
        matches = checkpoints[-1:]
    elif name == "best":
        matches = by_val_loss(checkpoints)[:1]
    else:
        matches = [checkpoint for checkpoint in checkpoints if str(checkpoint.step) == name]
    if not matches:
        steps = describe_steps(checkpoints)
        raise NotFound(f"job {job_id} has no checkpoint {name!r}; its checkpoints' steps: {steps}")
    return matches[0]


def describe_steps(checkpoints: Sequence[Checkpoint]) -> str:
    """The steps of the newest checkpoints, and how many more there are."""
    newest = checkpoints[-STEPS_NAMED:]
    more = len(checkpoints) - len(newest)
    steps = ", ".join(str(checkpoint.step) for checkpoint in newest)
    return f"{steps} and {more:,} earlier ones" if more else steps or "none yet"
