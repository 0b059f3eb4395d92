"""A model from outside as the API shows it."""

from typing import Any, Literal

from api.records.preparation_status import PreparationStatus, preparation_status
from api.records.record import Record, Time, from_row
from jobs.store.tables import ImportedModel


class ImportedModelRecord(Record):
    """Weights from outside. What is null is known once it is ready."""

    id: str
    object: Literal["model"] = "model"
    name: str | None
    owner: str | None
    """Whose it is: the owner of the token that it was made with. Null if none was needed: everybody sees it,
    and administrators change it."""
    shared: bool
    """Whether others than its owner and administrators see it."""
    status: PreparationStatus
    """`preparing` while a worker checks and converts the files."""
    fraction: float
    """Of the weights that is converted."""
    error: str | None
    """Why it could not be imported, or not yet."""
    tokenizer: str | None
    model: dict[str, Any] | None
    """Its architecture, as the section `model` of a job that starts from it."""
    parameters: int | None
    bytes: int
    """Of the files as they were sent; once it is ready, of its weights in float32."""
    sha256: str | None
    """Of the weights, as the service keeps them."""
    created_at: Time


def imported_model_record(model: ImportedModel) -> ImportedModelRecord:
    return from_row(ImportedModelRecord, model, status=preparation_status(model), model=model.config)
