"""Importing models: workers check the files that were sent, and make a checkpoint of them.

As with data sets (`jobs.lifecycle.preparation`), SQL is the queue. A worker claims a model under a lease that
it renews by getting on; each change is one conditional UPDATE, fenced by the claim's number. The callers hold
the transaction.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from jobs.lifecycle.preparation import MAX_FAILURES, Superseded
from jobs.lifecycle.requests import CheckpointNeeded, first_in_need
from jobs.store.database import insert_if_absent, now_s
from jobs.store.imported_models import FAILED, QUEUED, READY, RUNNING, get_model, queued_columns
from jobs.store.tables import ImportedModel, Job, ModelRemoval


@dataclass(frozen=True)
class ImportedCheckpoint:
    """What a worker has made of the files that were sent."""

    directory: str
    """Relative to the artifacts' root."""
    bytes: int
    sha256: str
    """Of the weights."""
    tokenizer: str
    config: dict[str, Any]
    """As the section `model` of a spec."""
    parameters: int


def claim_model(session: Session, worker: str, lease_s: float) -> ImportedModel | None:
    """Take the model that has waited longest; None if none waits."""
    waiting = select(ImportedModel).where(*is_model_due()).order_by(ImportedModel.queued_at)
    first = session.scalars(waiting.limit(1).with_for_update(skip_locked=True)).first()
    if first is None:
        return None
    first.status, first.worker, first.attempt = RUNNING, worker, first.attempt + 1
    first.lease_expires_at = now_s() + lease_s  # by the database's clock
    session.flush()
    session.refresh(first)
    return first


def renew_import(session: Session, claimed: ImportedModel, fraction: float, lease_s: float) -> None:
    """Extend the lease, and record how much is converted. raises Superseded"""
    write_fenced(session, claimed, fraction=fraction, lease_expires_at=now_s() + lease_s)


def release_import(session: Session, claimed: ImportedModel) -> None:
    """Hand a claim back unharmed, as its worker shuts down. raises Superseded"""
    write_fenced(session, claimed, **queued_columns())


def postpone_import(session: Session, claimed: ImportedModel, reason: str, wait_s: float) -> None:
    """Hand a claim back for somebody to try again later, once there is room on the disk. raises Superseded"""
    write_fenced(session, claimed, **{**queued_columns(), "queued_at": now_s() + wait_s, "error": reason})


def finish_import(session: Session, claimed: ImportedModel, checkpoint: ImportedCheckpoint) -> None:
    """Record the checkpoint; the files that were sent are of no more use. raises Superseded"""
    ended = {"worker": None, "lease_expires_at": None, "error": None, "upload_directory": None}
    write_fenced(session, claimed, status=READY, fraction=1.0, **ended, **vars(checkpoint))


def fail_import(session: Session, claimed: ImportedModel, message: str) -> None:
    """Record that the files can't be imported; they are of no more use. raises Superseded"""
    ended = {"worker": None, "lease_expires_at": None, "upload_directory": None}
    write_fenced(session, claimed, status=FAILED, error=message, **ended)


def reap_imports(session: Session) -> list[ImportedModel]:
    """Give back those whose lease has run out, because their worker is lost; fail them the third time."""
    is_lost = (ImportedModel.status == RUNNING, ImportedModel.lease_expires_at < now_s())
    reaped = list(session.scalars(select(ImportedModel).where(*is_lost).with_for_update(skip_locked=True)))
    for lost in reaped:
        failures = lost.failures + 1
        if failures < MAX_FAILURES:
            write_fenced(session, lost, **queued_columns(), failures=failures)
        else:
            write_fenced(session, lost, failures=failures)
            message = f"{failures} workers were lost while they imported it; the last was {lost.worker}"
            fail_import(session, lost, message)
    return reaped


def delete_model(session: Session, model_id: str) -> str | None:
    """Delete a model that no job needs, and list its folder for `jobs.files.cleanup` to remove; returns that
    of its files as they were sent, if a worker still needed them.

    raises  NotFound, CheckpointNeeded
    """
    session.execute(select(ImportedModel.id).where(ImportedModel.id == model_id).with_for_update())
    model = get_model(session, model_id)
    if child_id := first_in_need(session, Job.parent_model_id == model_id):
        raise CheckpointNeeded(
            f"job {child_id} starts from its weights, and has no checkpoint of its own yet: cancel it, or "
            "wait for its first one"
        )
    session.delete(model)
    insert_if_absent(session, ModelRemoval, {"model_id": model_id})
    return model.upload_directory


def write_fenced(session: Session, claimed: ImportedModel, **values: Any) -> None:
    """Update a model on behalf of the claim; change nothing and raise Superseded if it is not its own any
    more, or has been deleted."""
    is_owned = (
        ImportedModel.id == claimed.id,
        ImportedModel.attempt == claimed.attempt,
        ImportedModel.status == RUNNING,
    )
    statement = update(ImportedModel).where(*is_owned).values(**values).returning(ImportedModel.id)
    if session.execute(statement, execution_options={"synchronize_session": False}).first() is None:
        raise Superseded(f"claim {claimed.attempt} no longer owns the import of the model {claimed.id}")


def is_model_due() -> tuple[Any, ...]:
    """Whether a model waits, and is not postponed."""
    return ImportedModel.status == QUEUED, ImportedModel.queued_at <= now_s()
