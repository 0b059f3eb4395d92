"""Finding models from outside, and storing them: the rows of the table `models`."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs.store.database import now_s
from jobs.store.ids import MODEL, new_id
from jobs.store.lookup import NotFound
from jobs.store.preparations import FAILED, READY, queued_columns
from jobs.store.tables import ImportedModel
from jobs.validation.quoting import quoted


def insert_model(session: Session, name: str | None, size_bytes: int, upload_directory: str) -> ImportedModel:
    """List files that have arrived, for a worker to check.

    upload_directory  relative to the artifacts' root
    """
    model = ImportedModel(
        id=new_id(MODEL),
        name=name,
        bytes=size_bytes,
        upload_directory=upload_directory,
        created_at=now_s(),
        **queued_columns(),
    )
    session.add(model)
    session.flush()
    session.refresh(model)
    return model


def list_models(session: Session) -> list[ImportedModel]:
    """The oldest first."""
    return list(session.scalars(select(ImportedModel).order_by(ImportedModel.created_at, ImportedModel.id)))


def get_model(session: Session, model_id: str) -> ImportedModel:
    """raises  NotFound"""
    model = session.get(ImportedModel, model_id)
    if model is None:
        raise NotFound(f"no model {quoted(model_id)}")
    return model


def get_ready_model(session: Session, model_id: str) -> ImportedModel:
    """One that can be asked, and started from. raises  NotFound"""
    model = get_model(session, model_id)
    if model.status == FAILED:
        raise NotFound(f"the model {model_id} could not be imported: {model.error}")
    if model.status != READY:
        raise NotFound(
            f"the model {model_id} is still being prepared; GET /models/{model_id} says how far it is"
        )
    return model
