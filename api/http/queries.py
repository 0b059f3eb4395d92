"""Query parameters, read as strictly as a body: what is unknown, repeated or of another type is refused."""

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
from api.http.problems import Refusal, wrong_fields
from jobs.spec.field_errors import FieldError, field_errors
from model.config import StrictModel

MAX_LIMIT = 1000
MAX_PARAMETERS = 1000

INTEGER = re.compile(r"-?[0-9]{1,1000}")
NUMBER = re.compile(r"-?[0-9]{1,1000}(\.[0-9]{1,1000})?([eE][-+]?[0-9]{1,4})?")
LABELLED = re.compile(r"(?P<field>[^\[\]]+)\[(?P<label>.*)\]", re.DOTALL)


class NoParameters(StrictModel):
    """For views that take none."""


class Page(StrictModel):
    """Which part of a list."""

    limit: int = Field(MAX_LIMIT, ge=1, le=MAX_LIMIT)
    """Entries in the answer, at most. Default: 1,000."""


class Since(StrictModel):
    """Where a list by steps begins."""

    since_step: int = Field(-1, ge=-1, le=2**63 - 1)
    """Only entries of later steps than this one. Default: all."""


class StepPage(Since, Page):
    """Which part of a list by steps."""


Query = TypeVar("Query", bound=StrictModel)


def read_query(model: type[Query]) -> Query:
    """The request's query parameters.

    raises  Refusal: 400 if they are not UTF-8 or more than 1,000, else as `parse_query` does
    """
    # A server may let through a line of thousands of parameters; an error for each is no use to anybody.
    if request.query_string.count(b"&") >= MAX_PARAMETERS:
        raise Refusal(HTTPStatus.BAD_REQUEST, f"the query has more than {MAX_PARAMETERS} parameters")
    try:
        unquote_to_bytes(request.query_string).decode()
    except UnicodeDecodeError as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, "the query is not UTF-8") from error
    return parse_query(model, request.args)


def parse_query(model: type[Query], arguments: MultiDict[str, str]) -> Query:
    """Turn the texts into what `model` declares, and check them.

    Lists are repeated parameters (`stop=a&stop=b`), objects are labelled ones (`metadata[k]=v`).
    raises  Refusal (422) with every wrong parameter
    """
    kinds = parameter_kinds(model)
    values: dict[str, Any] = {}
    errors: list[FieldError] = []
    for name, texts in arguments.lists():
        kind = kinds.get(name)
        labelled = LABELLED.fullmatch(name)
        if kind == "array":
            values[name] = texts
        elif len(texts) > 1:
            errors.append(FieldError(name, "must be given once", texts))
        elif labelled and kinds.get(labelled["field"]) == "object":
            values.setdefault(labelled["field"], {})[labelled["label"]] = texts[0]
        elif kind == "object":
            errors.append(FieldError(name, f"must be given as {name}[key]=value", texts[0]))
        else:
            values[name] = CONVERSIONS.get(kind, str)(texts[0])
    try:
        parsed = model.model_validate(values)
    except ValidationError as invalid:
        errors += field_errors(invalid)
    if errors:
        raise wrong_fields(errors)
    return parsed


@cache
def parameter_kinds(model: type[StrictModel]) -> dict[str, str | None]:
    """The JSON type of each parameter, null apart; None where the schema refers to a named one."""
    properties = model.model_json_schema()["properties"]
    return {name: kind_of(schema) for name, schema in properties.items()} if properties else {}


def kind_of(schema: dict[str, Any]) -> str | None:
    kinds = [choice.get("type") for choice in schema.get("anyOf", [schema])]
    return next((kind for kind in kinds if kind != "null"), None)


def integer(text: str) -> float | int | str:
    return int(text) if INTEGER.fullmatch(text) else number(text)


def number(text: str) -> float | int | str:
    return as_integer(float(text)) if NUMBER.fullmatch(text) else text


def boolean(text: str) -> bool | str:
    return {"true": True, "false": False}.get(text, text)


# A text that is nothing of the kind stays as it is, for the model to refuse.
CONVERSIONS: dict[str | None, Callable[[str], Any]] = {
    "integer": integer,
    "number": number,
    "boolean": boolean,
}


def refuse_event_stream() -> None:
    """raises Refusal (422) if the caller asks for `text/event-stream` and nothing else"""
    if request.accept_mimetypes.best == "text/event-stream":
        raise wrong_fields([FieldError("Accept", "not supported yet", request.headers["Accept"])])
