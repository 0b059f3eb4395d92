"""Preparing data sets: workers write and count the tokens of texts too long for a request.

As with jobs, SQL is the queue: a message only rings. A worker claims a preparation under a lease that it
renews by getting on; each change is one conditional UPDATE, fenced by the claim's number. The callers hold
the transaction.
"""

from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from jobs.files.token_counts import store_counts, token_count
from jobs.lifecycle.attempts import conditional_update
from jobs.lifecycle.feasibility import text_errors
from jobs.settings import Settings
from jobs.spec.stored_specs import UnreadableSpec, read_spec
from jobs.states import Status, job_error
from jobs.store.database import now_s
from jobs.store.events import record_event
from jobs.store.preparations import FAILED, QUEUED, RUNNING, has_key, queued_columns
from jobs.store.tables import Job, Preparation
from model.estimate import estimate
from model.storage.splits import Split

MAX_FAILURES = 3
"""Workers that may be lost with a preparation before it counts as failed: it may be what they die of."""


class Superseded(Exception):
    """A write of a worker that no longer owns its preparation. Whoever gets this must stop."""


def claim_preparation(session: Session, worker: str, lease_s: float) -> Preparation | None:
    """Take the preparation that has waited longest; None if none waits."""
    waiting = select(Preparation).where(*is_due()).order_by(Preparation.queued_at)
    first = session.scalars(waiting.limit(1).with_for_update(skip_locked=True)).first()
    if first is None:
        return None
    first.status, first.worker, first.attempt = RUNNING, worker, first.attempt + 1
    first.lease_expires_at = now_s() + lease_s  # by the database's clock
    session.flush()
    session.refresh(first)
    return first


def renew_preparation(session: Session, claimed: Preparation, fraction: float, lease_s: float) -> None:
    """Extend the lease, and record how much of the text is done. raises Superseded"""
    write_fenced(session, claimed, fraction=fraction, lease_expires_at=now_s() + lease_s)


def release_preparation(session: Session, claimed: Preparation) -> None:
    """Hand a claim back unharmed, as its worker shuts down. raises Superseded"""
    write_fenced(session, claimed, **queued_columns())


def postpone_preparation(session: Session, claimed: Preparation, reason: str, wait_s: float) -> None:
    """Hand a claim back for somebody to try again later, once there is room on the disk. raises Superseded"""
    write_fenced(session, claimed, **{**queued_columns(), "queued_at": now_s() + wait_s, "error": reason})


def finish_preparation(
    session: Session, claimed: Preparation, counts: dict[Split, int], settings: Settings
) -> None:
    """Record the tokens' counts, and let the jobs that waited for them run, or fail those that their text
    rules out. raises Superseded"""
    write_fenced(session, claimed, fraction=1.0)
    counted = token_count(claimed.dataset_id, claimed.tokenizer, claimed.train_ratio, counts)
    store_counts(session, counted)
    session.execute(delete(Preparation).where(*has_key_of(claimed)))
    for job in jobs_waiting_for(session, claimed):
        try:
            spec = read_spec(job.spec)
        except UnreadableSpec as error:
            fail_waiting(session, job, str(error))
            continue
        estimated = estimate(spec, counted.train_tokens)
        if errors := text_errors(spec, counted, estimated, settings, steps_done(job)):
            fail_waiting(session, job, "; ".join(f"{error.field}: {error.message}" for error in errors))
        else:
            is_waiting = (Job.id == job.id, Job.is_prepared.is_(False))
            conditional_update(session, is_waiting, is_prepared=True, total_steps=estimated.total_steps)


def fail_preparation(session: Session, claimed: Preparation, message: str) -> None:
    """Record that the text can't be prepared, and fail the jobs that waited for it. raises Superseded"""
    write_fenced(session, claimed, status=FAILED, error=message, worker=None, lease_expires_at=None)
    for job in jobs_waiting_for(session, claimed):
        fail_waiting(session, job, message)


def reap_preparations(session: Session) -> list[Preparation]:
    """Give back those whose lease has run out, because their worker is lost; fail them the third time."""
    expired = select(Preparation).where(Preparation.status == RUNNING, Preparation.lease_expires_at < now_s())
    reaped = list(session.scalars(expired.with_for_update(skip_locked=True)))
    for lost in reaped:
        failures = lost.failures + 1
        if failures < MAX_FAILURES:
            write_fenced(session, lost, **queued_columns(), failures=failures)
        else:
            write_fenced(session, lost, failures=failures)
            fail_preparation(
                session,
                lost,
                f"{failures} workers were lost while they prepared it; the last was {lost.worker}",
            )
    return reaped


def steps_done(job: Job) -> int:
    """By the checkpoint that a job goes on from."""
    return job.parent_step or 0 if job.takes_optimizer else 0


def preparation_of(session: Session, job: Job) -> Preparation | None:
    """What keeps a queued job from running, if it is that."""
    return None if job.is_prepared else session.get(Preparation, (job.dataset_id, *key_of_spec(job.spec)))


def jobs_waiting_for(session: Session, preparation: Preparation) -> list[Job]:
    """The queued jobs that it keeps from running."""
    unprepared = select(Job).where(
        Job.dataset_id == preparation.dataset_id, Job.is_prepared.is_(False), Job.status == Status.QUEUED
    )
    return [
        job
        for job in session.scalars(unprepared.order_by(Job.id).with_for_update())
        if key_of_spec(job.spec) == (preparation.tokenizer, preparation.train_ratio)
    ]


def key_of_spec(stored: dict[str, Any]) -> tuple[str, float]:
    """What of a job's stored spec its tokens depend on, besides the data set."""
    return stored["tokenizer"], stored["training"]["train_ratio"]


def fail_waiting(session: Session, job: Job, message: str) -> None:
    """Fail a job that has never run."""
    error = job_error("bad_dataset", message, job.attempt)
    is_queued = (Job.id == job.id, Job.status == Status.QUEUED)
    if conditional_update(session, is_queued, status=Status.FAILED, error=error, finished_at=now_s()):
        record_event(session, job.id, job.attempt, "status", {"status": Status.FAILED, "error": error})


def write_fenced(session: Session, claimed: Preparation, **values: Any) -> None:
    """Update a preparation on behalf of the claim; change nothing and raise Superseded if it is not its own
    any more."""
    is_owned = (*has_key_of(claimed), Preparation.attempt == claimed.attempt, Preparation.status == RUNNING)
    statement = update(Preparation).where(*is_owned).values(**values).returning(Preparation.dataset_id)
    written = session.execute(statement, execution_options={"synchronize_session": False}).first()
    if written is None:
        raise Superseded(
            f"claim {claimed.attempt} no longer owns the preparation of the data set {claimed.dataset_id}"
        )


def is_due() -> tuple[Any, ...]:
    """Whether a preparation waits, and is not postponed."""
    return Preparation.status == QUEUED, Preparation.queued_at <= now_s()


def has_key_of(preparation: Preparation) -> tuple[Any, ...]:
    return has_key(preparation.dataset_id, preparation.tokenizer, preparation.train_ratio)
