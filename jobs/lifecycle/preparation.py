"""What workers prepare: the tokens of texts too long for a request, tokenizers, and models from outside.

As with jobs, SQL is the queue: a message only rings. A worker claims what is to be prepared under a lease
that it renews by getting on; each change is one conditional UPDATE, fenced by the claim's number. The callers
hold the transaction.
"""

from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, delete, func, literal, or_, select, update
from sqlalchemy.orm import Session

from jobs.files.token_counts import TOTALS, Counted, store_counts, stored_counts, token_count
from jobs.lifecycle.attempts import change_status, conditional_update
from jobs.lifecycle.feasibility import store_errors, text_errors
from jobs.lifecycle.workers import live_workers, machines_of
from jobs.settings import Settings
from jobs.spec.stored_specs import UnreadableSpec, read_spec
from jobs.states import Status, job_error
from jobs.store.database import now_s
from jobs.store.events import record_event
from jobs.store.owner_limits import left_bytes
from jobs.store.preparations import (
    FAILED,
    KINDS,
    QUEUED,
    READY,
    RUNNING,
    Prepared,
    ended_columns,
    has_key_of,
    queued_columns,
    text_keys,
)
from jobs.store.tables import ImportedModel, Job, Preparation, TrainedTokenizer
from jobs.store.tokenizers import with_vocabulary
from model.estimate.estimate import estimate

MAX_FAILURES = 3
"""Workers that may be lost with one before it counts as failed: it may be what they die of."""


class Superseded(Exception):
    """A write of a worker that no longer owns its preparation. Whoever gets this must stop."""


def claim_preparation(session: Session, worker: str, lease_s: float) -> Prepared | None:
    """Take what has waited longest; None if nothing waits."""
    first = first_due(session)
    if first is None:
        return None
    first.status, first.worker, first.attempt = RUNNING, worker, first.attempt + 1
    first.lease_expires_at = now_s() + lease_s  # by the database's clock
    session.flush()
    session.refresh(first)
    return first


def first_due(session: Session) -> Prepared | None:
    """What has waited longest of all kinds and nobody else is just claiming; locked."""
    oldest = {kind: session.scalar(select(func.min(kind.queued_at)).where(*is_due(kind))) for kind in KINDS}
    since_s = {kind: queued_at for kind, queued_at in oldest.items() if queued_at is not None}
    for kind in sorted(since_s, key=lambda kind: since_s[kind]):
        waiting = select(kind).where(*is_due(kind)).order_by(kind.queued_at)
        due: list[Prepared] = [*session.scalars(waiting.limit(1).with_for_update(skip_locked=True))]
        if due:
            return due[0]
    return None


def renew_preparation(session: Session, claimed: Prepared, fraction: float, lease_s: float) -> None:
    """Extend the lease, and record how much is done. raises Superseded"""
    write_fenced(session, claimed, fraction=fraction, lease_expires_at=now_s() + lease_s)


def release_preparation(session: Session, claimed: Prepared) -> None:
    """Hand a claim back unharmed, as its worker shuts down. raises Superseded"""
    write_fenced(session, claimed, **queued_columns())


def postpone_preparation(session: Session, claimed: Prepared, reason: str, wait_s: float) -> None:
    """Hand a claim back for somebody to try again later, once there is room on the disk. raises Superseded"""
    write_fenced(session, claimed, **{**queued_columns(), "queued_at": now_s() + wait_s, "error": reason})


def finish_preparation(session: Session, claimed: Preparation, counts: Counted, settings: Settings) -> None:
    """Record the tokens' counts, and let the jobs that waited for them run, or fail those that `POST` would
    have refused had it known them. raises Superseded"""
    write_fenced(session, claimed, fraction=1.0)
    key = (claimed.dataset_id, claimed.tokenizer, claimed.train_ratio)
    store_counts(session, token_count(*key, counts))
    session.execute(delete(Preparation).where(*has_key_of(claimed)))
    # Read once, however many jobs have waited.
    machines_by_queue = cache(lambda queue: machines_of(live_workers(session, queue, settings.lease_s)))
    left_by_owner = cache(lambda owner: left_bytes(session, settings, owner))
    for job in jobs_waiting_for(session, claimed):
        tokens = stored_counts(session, job)
        if tokens is None or awaited_by(session, job) is not None:
            continue  # it waits for its other text too
        try:
            spec = with_vocabulary(session, read_spec(job.spec))
        except UnreadableSpec as error:
            fail_waiting(session, job, str(error))
            continue
        estimated = estimate(spec, tokens.train_tokens, list(machines_by_queue(job.queue).values()))
        if errors := [
            *text_errors(spec, tokens, estimated, settings, steps_done(job)),
            *store_errors(spec, estimated, settings, left_by_owner(job.owner)),
        ]:
            fail_waiting(session, job, "; ".join(f"{error.field}: {error.message}" for error in errors))
        else:
            is_waiting = (Job.id == job.id, Job.is_prepared.is_(False))
            # The tokenizer may have become smaller than it was to be when the job was posted.
            values = {
                name: getattr(estimated, name) for name in ("total_steps", "parameters", "memory_bytes")
            }
            if conditional_update(session, is_waiting, is_prepared=True, **values):
                del values["memory_bytes"]  # which the job's record does not show
                record_event(session, job.id, job.attempt, "changed", values)


def fail_preparation(session: Session, claimed: Prepared, message: str) -> None:
    """Record that it can't be prepared. The jobs that waited for a text or a tokenizer fail; the files of a
    model as they were sent are of no more use. raises Superseded"""
    ended = ended_columns(FAILED, message)
    if isinstance(claimed, ImportedModel):
        write_fenced(session, claimed, **ended, upload_directory=None)
        return
    write_fenced(session, claimed, **ended)
    if isinstance(claimed, Preparation):
        fail_jobs_waiting_for(session, claimed, message)
        return
    of_it = Preparation.tokenizer == claimed.id
    for preparation in session.scalars(select(Preparation).where(of_it)).all():
        reason = f"its tokenizer {claimed.id} could not be trained: {message}"
        fail_jobs_waiting_for(session, preparation, reason)
    session.execute(delete(Preparation).where(of_it))


def lose_preparation(session: Session, claimed: Prepared, reason: str) -> None:
    """Hand back what a worker was lost with, or a process of its own; fail it the third time.

    raises  Superseded
    """
    failures = claimed.failures + 1
    if failures < MAX_FAILURES:
        write_fenced(session, claimed, **queued_columns(), failures=failures)
    else:
        write_fenced(session, claimed, failures=failures)
        fail_preparation(session, claimed, reason)


def reap_preparations(session: Session) -> list[Prepared]:
    """Give back those whose lease has run out, because their worker is lost; fail them the third time."""
    reaped: list[Prepared] = []
    for kind in KINDS:
        expired = select(kind).where(kind.status == RUNNING, kind.lease_expires_at < now_s())
        reaped += session.scalars(expired.with_for_update(skip_locked=True))
    for lost in reaped:
        lose_preparation(
            session,
            lost,
            f"{lost.failures + 1} workers were lost while they prepared it; the last was {lost.worker}",
        )
    return reaped


def steps_done(job: Job) -> int:
    """By the checkpoint that a job goes on from."""
    return job.parent_step or 0 if job.takes_optimizer else 0


def awaited_by(session: Session, job: Job) -> Prepared | None:
    """What keeps a queued job from running, if it is a tokenizer that is not ready, or one of its texts."""
    if job.is_prepared:
        return None
    trained = session.get(TrainedTokenizer, job.spec["tokenizer"])
    if trained is not None and trained.status != READY:
        return trained
    found = (session.get(Preparation, key) for key in text_keys(job))
    return next((preparation for preparation in found if preparation is not None), None)


def jobs_waiting_for(session: Session, preparation: Preparation) -> list[Job]:
    """The queued jobs that it keeps from running."""
    is_of_it = (
        or_(Job.dataset_id == preparation.dataset_id, Job.validation_dataset_id == preparation.dataset_id),
        Job.is_prepared.is_(False),
        Job.status == Status.QUEUED,
    )
    unprepared = session.scalars(select(Job).where(*is_of_it).order_by(Job.id).with_for_update())
    key = (preparation.dataset_id, preparation.tokenizer, preparation.train_ratio)
    return [job for job in unprepared if key in text_keys(job)]


def fail_jobs_waiting_for(session: Session, preparation: Preparation, message: str) -> None:
    for job in jobs_waiting_for(session, preparation):
        fail_waiting(session, job, message)


def fail_waiting(session: Session, job: Job, message: str) -> None:
    """Fail a job that has never run."""
    error = job_error("bad_dataset", message, job.attempt)
    is_queued = (Job.id == job.id, Job.status == Status.QUEUED)
    change_status(session, is_queued, Status.FAILED, {"error": error}, error=error, finished_at=now_s())


def write_fenced(session: Session, claimed: Prepared, **values: Any) -> None:
    """Update what was claimed on behalf of the claim; change nothing and raise Superseded if it is not its
    own any more, or has been deleted."""
    kind = type(claimed)
    is_owned = (*has_key_of(claimed), kind.attempt == claimed.attempt, kind.status == RUNNING)
    statement = update(kind).where(*is_owned).values(**values).returning(kind.attempt)
    written = session.execute(statement, execution_options={"synchronize_session": False}).first()
    if written is None:
        raise Superseded(f"claim {claimed.attempt} no longer owns {describe(claimed)}")


def describe(prepared: Prepared) -> str:
    """In messages."""
    if isinstance(prepared, TrainedTokenizer):
        return f"the training of the tokenizer {prepared.id}"
    if isinstance(prepared, ImportedModel):
        return f"the import of the model {prepared.id}"
    return f"the preparation of the data set {prepared.dataset_id} for {prepared.tokenizer}"


def is_due(kind: type[Prepared]) -> tuple[ColumnElement[bool], ...]:
    """Whether one waits, is not postponed, and nothing that it needs is still to be prepared: its tokenizer
    for a text, its text for a tokenizer; a model needs nothing."""
    is_waiting = (kind.status == QUEUED, kind.queued_at <= now_s())
    if kind is ImportedModel:
        return is_waiting
    if kind is TrainedTokenizer:
        of_text = (Preparation.dataset_id == TrainedTokenizer.dataset_id, Preparation.tokenizer == TOTALS[0])
        needed = select(Preparation.dataset_id).where(
            *of_text, Preparation.train_ratio == TOTALS[1], Preparation.status.in_([QUEUED, RUNNING])
        )
    else:
        is_its_own = TrainedTokenizer.id == Preparation.tokenizer
        needed = select(TrainedTokenizer.id).where(is_its_own, TrainedTokenizer.status != READY)
    return *is_waiting, ~needed.exists()


def anything_is_due() -> ColumnElement[bool]:
    return or_(*(select(literal(1)).select_from(kind).where(*is_due(kind)).exists() for kind in KINDS))
