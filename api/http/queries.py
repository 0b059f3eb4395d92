"""Query parameters, parsed as strictly as a body: what is unknown, repeated or of a wrong type is refused."""

import re
from collections.abc import Callable
from functools import cache
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes

from flask import request
from pydantic import Field, ValidationError
from werkzeug.datastructures import MultiDict

from api.http.bodies import as_integer
from api.http.problems import HTTPProblem, invalid_fields
from jobs.validation.field_errors import FieldError, field_errors
from jobs.validation.request_model import RequestModel
from model.config import Text

MAX_LIMIT = 1000
MAX_PARAMETERS = 1000

INTEGER = re.compile(r"-?[0-9]{1,1000}")
NUMBER = re.compile(r"-?[0-9]{1,1000}(\.[0-9]{1,1000})?([eE][-+]?[0-9]{1,4})?")
DEEP_OBJECT = re.compile(r"(?P<name>[^\[\]]+)\[(?P<key>.*)\]", re.DOTALL)


class NoParameters(RequestModel):
    """For views that take none."""


class Page(RequestModel):
    """Paging of a list."""

    limit: int = Field(MAX_LIMIT, ge=1, le=MAX_LIMIT)
    """Entries in the response, at most. Default: 1,000."""


class CursorPage(Page):
    """Paging of a list whose entries have ids."""

    after: Text | None = Field(None, min_length=1, max_length=200)
    """The id of the last entry of the page before, which may have been deleted since. Default: from the
    first on."""


class SinceStep(RequestModel):
    """Paging of a list by steps."""

    since_step: int = Field(-1, ge=-1, le=2**63 - 1)
    """Only entries of later steps than this one. Default: all."""


class StepPage(SinceStep, CursorPage):
    """Paging of a list by steps, or behind an entry, with a limit."""


Query = TypeVar("Query", bound=RequestModel)


def read_query(model: type[Query]) -> Query:
    """The request's query parameters.

    raises  HTTPProblem: 400 if they are not UTF-8 or more than 1,000; else as `parse_query`
    """
    # A request line has room for thousands of parameters; an error for each is of no use to anybody.
    if request.query_string.count(b"&") >= MAX_PARAMETERS:
        raise HTTPProblem(HTTPStatus.BAD_REQUEST, f"the query has more than {MAX_PARAMETERS:,} parameters")
    try:
        unquote_to_bytes(request.query_string).decode()
    except UnicodeDecodeError as error:
        raise HTTPProblem(HTTPStatus.BAD_REQUEST, "the query is not UTF-8") from error
    return parse_query(model, request.args)


def parse_query(model: type[Query], arguments: MultiDict[str, str]) -> Query:
    """Convert the parameters to the types that `model` declares, and validate them.

    Lists are repeated parameters (`stop=a&stop=b`), objects have keys in brackets (`metadata[k]=v`).
    raises  HTTPProblem (422) with every wrong parameter
    """
    types = parameter_types(model)
    values: dict[str, Any] = {}
    errors: list[FieldError] = []
    for name, texts in arguments.lists():
        json_type = types.get(name)
        member = DEEP_OBJECT.fullmatch(name)
        if json_type == "array":
            values[name] = texts
        elif len(texts) > 1:
            errors.append(FieldError(name, "must be given once", texts))
        elif member and types.get(member["name"]) == "object":
            values.setdefault(member["name"], {})[member["key"]] = texts[0]
        elif json_type == "object":
            errors.append(FieldError(name, f"must be given as {name}[key]=value", texts[0]))
        else:
            values[name] = CONVERTERS.get(json_type, str)(texts[0])
    try:
        parsed = model.model_validate(values)
    except ValidationError as invalid:
        errors += field_errors(invalid)
    if errors:
        raise invalid_fields(errors)
    return parsed


@cache
def parameter_types(model: type[RequestModel]) -> dict[str, str | None]:
    """The JSON type of each parameter, leaving out null; None where the schema refers to another."""
    properties = model.model_json_schema()["properties"]
    return {name: json_type_of(schema) for name, schema in properties.items()} if properties else {}


def json_type_of(schema: dict[str, Any]) -> str | None:
    types = [choice.get("type") for choice in schema.get("anyOf", [schema])]
    return next((json_type for json_type in types if json_type != "null"), None)


def to_integer(text: str) -> float | int | str:
    return int(text) if INTEGER.fullmatch(text) else to_number(text)


def to_number(text: str) -> float | int | str:
    return as_integer(float(text)) if NUMBER.fullmatch(text) else text


def to_boolean(text: str) -> bool | str:
    return {"true": True, "false": False}.get(text, text)


# A text that can't be converted stays as it is, for the model to refuse.
CONVERTERS: dict[str | None, Callable[[str], Any]] = {
    "integer": to_integer,
    "number": to_number,
    "boolean": to_boolean,
}
