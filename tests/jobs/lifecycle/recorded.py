"""Evaluations and checkpoints, recorded as a trainer would, and the events that they made."""

from typing import Any

from jobs.lifecycle.checkpoints import (
    Superseded,
    record_checkpoint,
)
from jobs.lifecycle.history import record_evaluation
from jobs.store.database import Database
from jobs.store.events import list_events
from jobs.store.tables import Job


def evaluation(step: int, val_loss: float) -> dict[str, Any]:
    return {
        "step": step,
        "epoch": 1,
        "tokens_seen": 100 * (step + 1),
        "train_loss": val_loss - 1,
        "val_loss": val_loss,
        "learning_rate": 4e-4,
        "grad_norm": 1.0,
        "tokens_per_s": None,
    }


def add_evaluation(database: Database, job: Job, step: int, val_loss: float, attempt: int = 1) -> None:
    with database.write() as session:
        record_evaluation(session, job.id, attempt, evaluation(step, val_loss))


def add_checkpoint(
    database: Database,
    job: Job,
    step: int,
    val_loss: float,
    *,
    keep_last: int = 1,
    keep_best: int = 1,
    resumable: bool = True,
) -> Superseded:
    row = {"step": step, "epoch": 1, "train_loss": 1.0, "val_loss": val_loss, "bytes": 10, "sha256": "0"}
    with database.write() as session:
        files = {"directory": f"step-{step}", "resumable": resumable}
        return record_checkpoint(session, job.id, 1, {**row, **files}, keep_last, keep_best)


def events_of(database: Database, job: Job, *kinds: str) -> list[tuple[str, int]]:
    with database.read() as session:
        return [
            (event.type, event.data["step"]) for event in list_events(session, job.id) if event.type in kinds
        ]
