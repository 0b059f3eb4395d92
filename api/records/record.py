"""What all records have in common, and how they become responses.

A record is a JSON object that the API responds with. Its docstrings are its description in `/openapi.json`.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any, Generic, Literal, TypeVar

from flask import Response, jsonify
from pydantic import BaseModel, ConfigDict, PlainSerializer, SerializeAsAny, WithJsonSchema

from jobs.store.tables import Table
from jobs.store.times import as_rfc3339

Time = Annotated[
    float,
    PlainSerializer(as_rfc3339, return_type=str | None),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]


class Record(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True, from_attributes=True)


AnyRecord = TypeVar("AnyRecord", bound=Record)


class Listing(Record, Generic[AnyRecord]):
    """A page of a list."""

    object: Literal["list"] = "list"
    data: list[AnyRecord]
    has_more: bool
    """Whether there are more pages."""


def from_row(record: type[AnyRecord], row: Table, **fields: Any) -> AnyRecord:
    """The record of a table's row: its columns of the same names, and `fields`, which the row has
    otherwise."""
    columns = {column.name: getattr(row, column.name) for column in row.__table__.columns}
    return record.model_validate({**columns, **fields})


def json_response(
    record: Record, status: HTTPStatus = HTTPStatus.OK, location: str | None = None
) -> Response:
    response = jsonify(record.model_dump(mode="json"))
    response.status_code = status
    if location is not None:
        response.headers["Location"] = location
    return response


AnyListing = Listing[SerializeAsAny[Record]]
"""Made once: pydantic parses the class's source for it, and Python 3.11 sometimes raises a SystemError when
two threads parse at once."""


def list_response(records: Sequence[Record], *, has_more: bool = False) -> Response:
    """A page of a list, as `Listing` describes it."""
    return json_response(AnyListing(data=list(records), has_more=has_more))
