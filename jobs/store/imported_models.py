"""Finding models from outside, and storing them: the rows of the table `models`."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs.store.database import now_us
from jobs.store.ids import MODEL, new_timed_id
from jobs.store.lookup import NotFound, get_visible
from jobs.store.ownership import is_visible
from jobs.store.paging import page_of_rows
from jobs.store.preparations import FAILED, READY, asked_columns
from jobs.store.tables import ImportedModel
from jobs.store.viewers import viewer


def insert_model(session: Session, name: str | None, size_bytes: int, upload_directory: str) -> ImportedModel:
    """List files that have arrived, for a worker to check.

    upload_directory  relative to the artifacts' root
    """
    created_us = now_us(session)
    model = ImportedModel(
        id=new_timed_id(MODEL, created_us),
        name=name,
        bytes=size_bytes,
        upload_directory=upload_directory,
        created_at=created_us / 1e6,
        owner=viewer().owner,
        **asked_columns(),
    )
    session.add(model)
    session.flush()
    session.refresh(model)
    return model


def list_models(session: Session) -> list[ImportedModel]:
    """Those that whoever asks may see, the oldest first."""
    visible = select(ImportedModel).where(is_visible(ImportedModel))
    return list(session.scalars(visible.order_by(ImportedModel.created_at, ImportedModel.id)))


def page_of_models(
    session: Session, limit: int, after: str | None = None
) -> tuple[list[ImportedModel], bool]:
    """See `page_of_rows`."""
    return page_of_rows(session, select(ImportedModel), ImportedModel, MODEL, limit, after)


def get_model(session: Session, model_id: str) -> ImportedModel:
    """raises  NotFound, also of one that whoever asks may not see"""
    return get_visible(session, ImportedModel, model_id)


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
