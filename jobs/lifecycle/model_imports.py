"""Importing models: workers check the files that were sent, and make a checkpoint of them.

A model is claimed, renewed, postponed and failed as a text is (`jobs.lifecycle.preparation`). The callers
hold the transaction.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs.lifecycle.preparation import write_fenced
from jobs.lifecycle.requests import CheckpointNeeded, first_in_need
from jobs.store.database import insert_if_absent
from jobs.store.imported_models import get_model
from jobs.store.preparations import READY, ended_columns
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


def finish_import(session: Session, claimed: ImportedModel, checkpoint: ImportedCheckpoint) -> None:
    """Record the checkpoint; the files that were sent are of no more use. raises Superseded"""
    ended = {**ended_columns(READY), "fraction": 1.0, "upload_directory": None}
    write_fenced(session, claimed, **ended, **vars(checkpoint))


def delete_model(session: Session, model_id: str) -> str | None:
    """Delete a model that no job needs, and list its folder for `jobs.files.cleanup` to remove; returns that
    of its files as they were sent, if a worker still needed them.

    raises  NotFound, CheckpointNeeded
    """
    session.execute(select(ImportedModel.id).where(ImportedModel.id == model_id).with_for_update())
    model = get_model(session, model_id)
    if child := first_in_need(session, Job.parent_model_id == model_id):
        raise CheckpointNeeded(
            f"{child} starts from its weights, and has no checkpoint of its own yet: cancel it, or "
            "wait for its first one"
        )
    session.delete(model)
    insert_if_absent(session, ModelRemoval, {"model_id": model_id})
    return model.upload_directory
