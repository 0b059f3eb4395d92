"""What a job has learnt so far: evaluations, samples and checkpoints, written by one attempt, read by all."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from jobs.lifecycle.attempts import write_as
from jobs.lifecycle.thinning import evaluations_between
from jobs.store.database import now_s, upsert
from jobs.store.ids import new_id
from jobs.store.lookup import NotFound
from jobs.store.tables import Checkpoint, Evaluation, Job, Sample


def record_progress(session: Session, job_id: str, attempt: int, **progress: Any) -> None:
    """Update `step`, `epoch`, `tokens_seen`, `tokens_per_s`, `remaining_s`. raises Fenced"""
    write_as(session, job_id, attempt, **progress)


def record_evaluation(session: Session, job_id: str, attempt: int, row: dict[str, Any]) -> None:
    """Add a loss row, and the progress that it tells of. A resumed attempt overwrites the rows that it
    computes again. raises Fenced"""
    step, val_loss = row["step"], row["val_loss"]
    latest = {"latest_step": step, "latest_train_loss": row["train_loss"], "latest_val_loss": val_loss}
    progress = {"step": step + 1, "epoch": row["epoch"], "tokens_seen": row["tokens_seen"]}
    write_as(session, job_id, attempt, **latest, **progress)
    upsert(session, Evaluation, ["job_id", "step"], {"job_id": job_id, "recorded_at": now_s(), **row})
    best = session.execute(
        select(Evaluation.step, Evaluation.val_loss)
        .where(Evaluation.job_id == job_id)
        .order_by(Evaluation.val_loss, Evaluation.step)
        .limit(1)
    ).one()
    session.execute(
        update(Job).where(Job.id == job_id).values(best_step=best.step, best_val_loss=best.val_loss)
    )


def record_sample(session: Session, job_id: str, attempt: int, row: dict[str, Any]) -> None:
    """Add a sample. raises Fenced"""
    write_as(session, job_id, attempt)
    upsert(session, Sample, ["job_id", "step"], {"job_id": job_id, "recorded_at": now_s(), **row})


@dataclass(frozen=True)
class Superseded:
    """Files that nobody needs any more, to delete once the transaction has committed."""

    directories: list[str]
    training_states: list[str]


def record_checkpoint(
    session: Session, job_id: str, attempt: int, row: dict[str, Any], keep_last: int, keep_best: int
) -> Superseded:
    """Add a checkpoint and let go of those that retention does not keep. raises Fenced

    Of those that can be resumed, the newest `keep_last` keep all that this needs; the `keep_best` of lowest
    validation loss keep their weights. A new one to resume from is progress, so crashes are counted anew.
    """
    values = {"id": new_id("checkpoint"), "job_id": job_id, "created_at": now_s(), "resumable": True, **row}
    write_as(session, job_id, attempt, **({"failures": 0} if values["resumable"] else {}))
    same_step = (Checkpoint.job_id == job_id, Checkpoint.step == row["step"])
    replaced = set(session.scalars(select(Checkpoint.directory).where(*same_step))) - {row["directory"]}
    upsert(session, Checkpoint, ["job_id", "step"], values)

    kept = list_checkpoints(session, job_id)
    last = {checkpoint.id for checkpoint in [each for each in kept if each.resumable][-keep_last:]}
    best = {checkpoint.id for checkpoint in by_loss(kept)[:keep_best]}
    gone = [checkpoint for checkpoint in kept if checkpoint.id not in last | best]
    bare = [checkpoint for checkpoint in kept if checkpoint.id in best - last and checkpoint.resumable]
    session.execute(delete(Checkpoint).where(Checkpoint.id.in_([checkpoint.id for checkpoint in gone])))
    for checkpoint in bare:
        checkpoint.resumable = False
    return Superseded(
        directories=sorted(replaced | {checkpoint.directory for checkpoint in gone}),
        training_states=[checkpoint.directory for checkpoint in bare],
    )


def resize_checkpoint(session: Session, directory: str, size_bytes: int) -> None:
    """Note that a checkpoint takes less room since its training state is gone."""
    session.execute(update(Checkpoint).where(Checkpoint.directory == directory).values(bytes=size_bytes))


def drop_checkpoint(session: Session, job_id: str, attempt: int, checkpoint_id: str) -> None:
    """Stop listing a checkpoint that turned out to be damaged. raises Fenced"""
    write_as(session, job_id, attempt)
    session.execute(delete(Checkpoint).where(Checkpoint.id == checkpoint_id))


def list_evaluations(
    session: Session,
    job_id: str,
    since_step: int = -1,
    until_step: int | None = None,
    limit: int | None = None,
) -> list[Evaluation]:
    """Loss rows of later steps than `since_step`, up to `until_step`, in order."""
    chosen = evaluations_between(job_id, since_step, until_step)
    return list(session.scalars(chosen.order_by(Evaluation.step).limit(limit)))


def list_samples(
    session: Session, job_id: str, since_step: int = -1, limit: int | None = None
) -> list[Sample]:
    chosen = select(Sample).where(Sample.job_id == job_id, Sample.step > since_step)
    return list(session.scalars(chosen.order_by(Sample.step).limit(limit)))


def list_checkpoints(session: Session, job_id: str) -> list[Checkpoint]:
    """Oldest first."""
    return list(
        session.scalars(select(Checkpoint).where(Checkpoint.job_id == job_id).order_by(Checkpoint.step))
    )


def by_loss(checkpoints: list[Checkpoint]) -> list[Checkpoint]:
    """The lowest validation loss first; of equals, the newest."""
    return sorted(checkpoints, key=lambda checkpoint: (checkpoint.val_loss, -checkpoint.step))


def kinds(checkpoints: list[Checkpoint]) -> dict[str, list[str]]:
    """For each checkpoint's id, which of `last` and `best` it is."""
    names: dict[str, list[str]] = {checkpoint.id: [] for checkpoint in checkpoints}
    if checkpoints:
        names[checkpoints[-1].id].append("last")
        names[by_loss(checkpoints)[0].id].append("best")
    return names


def find_checkpoint(session: Session, job_id: str, wanted: str) -> Checkpoint:
    """The checkpoint `last`, `best`, or of a step's number. raises NotFound"""
    checkpoints = list_checkpoints(session, job_id)
    if wanted == "last":
        found = checkpoints[-1:]
    elif wanted == "best":
        found = by_loss(checkpoints)[:1]
    else:
        found = [checkpoint for checkpoint in checkpoints if str(checkpoint.step) == wanted]
    if not found:
        steps = ", ".join(str(checkpoint.step) for checkpoint in checkpoints) or "none yet"
        raise NotFound(f"job {job_id} has no checkpoint {wanted!r}; its checkpoints' steps: {steps}")
    return found[0]
