"""JSON bodies, parsed strictly: what `json.loads` would let pass or guess at is refused here, with 400.

The number of values is bounded before any is made: a mebibyte of JSON can hold half a million, and an error
for each of them would take a gigabyte.
"""

import json
import math
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, NoReturn

from flask import request
from werkzeug.wrappers import Response

from api.http.problems import HTTPProblem, bad_request
from jobs.files.encodings import why_not_utf8
from jobs.validation.quoting import quoted

MAX_BODY_BYTES = 1024 * 1024
MAX_DEPTH = 32
MAX_DIGITS = 1000
MAX_VALUES = 1000
"""In all objects and arrays together, unless a route says otherwise. The largest spec has a tenth of that."""
TOKENS_PER_VALUE = 5
"""At most: a comma, a name, and a value that is a string or has two brackets."""

BYTE_ORDER_MARK = "\ufeff"

TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{},]', re.DOTALL)
"""A string, which may lack its end, or a bracket or comma outside of one."""


def call_with_body(
    view: Callable[..., Response],
    arguments: dict[str, Any],
    parse: Callable[[Any], Any],
    max_values: int = MAX_VALUES,
) -> Response:
    """Call a view with the request's JSON body, as `parse` makes it of the decoded one, as its `body`."""
    return view(**arguments, body=parse(read_json(max_values)))


def read_json(max_values: int = MAX_VALUES) -> Any:
    """The request's body.

    max_values  in all objects and arrays together

    raises  HTTPProblem: 400 if it is not JSON in UTF-8, repeats a name in an object, nests deeper than 32
            levels, holds more than `max_values` values, or has NaN, Infinity or a number that is too large;
            415 if its Content-Type is not `application/json`.
            RequestEntityTooLarge (413) if it is longer than the request's `max_content_length`
    """
    content = request.get_data(cache=False)
    if not content:
        raise bad_request("the body is empty; send a JSON object, {} at least")
    if request.mimetype != "application/json":
        instead = f"not {quoted(request.mimetype)}" if request.mimetype else "and the header is missing"
        raise HTTPProblem(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Content-Type must be application/json, {instead}"
        )
    if request.content_encoding not in (None, "identity"):
        raise HTTPProblem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body must not be compressed")
    return decode(content, max_values)


def read_no_body() -> Any:
    """The body of a request that should have none, whatever its Content-Type; `{}` if it is empty.

    raises  as `read_json` does, but no 415
    """
    content = request.get_data(cache=False)
    return decode(content) if content.strip() else {}


def decode(content: bytes, max_values: int = MAX_VALUES) -> Any:
    """raises  HTTPProblem (400)"""
    if wrong := why_not_utf8(content):
        raise bad_request(f"the body {wrong}")
    text = content.decode()
    if text.startswith(BYTE_ORDER_MARK):
        raise bad_request("the body is not JSON: it begins with a byte order mark")
    check_size(text, max_values)
    try:
        return json.loads(
            text,
            object_pairs_hook=unique_names,
            parse_constant=refuse_constant,
            parse_float=parse_float,
            parse_int=parse_int,
        )
    except json.JSONDecodeError as error:
        raise bad_request(f"the body is not JSON: {error}") from error


def check_size(text: str, max_values: int = MAX_VALUES) -> None:
    """Count values and levels of nesting, without parsing.

    raises  HTTPProblem (400) if there are too many; malformed JSON may pass
    """
    values = depth = 0
    for tokens, match in enumerate(TOKEN.finditer(text)):
        token = match[0]
        if token in {"[", "{"}:
            depth += 1
            values += 1
        elif token in {"]", "}"}:
            depth -= 1
        elif token == ",":
            values += 1
        if depth > MAX_DEPTH:
            raise bad_request(f"the body nests deeper than {MAX_DEPTH} levels")
        if values > max_values or tokens > TOKENS_PER_VALUE * max_values:
            raise bad_request(f"the body holds more than {max_values:,} values")


def unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise bad_request(f"the name {quoted(name)} stands twice in one object")
        members[name] = value
    return members


def refuse_constant(name: str) -> NoReturn:
    raise bad_request(f"{name} is not JSON")


def parse_float(literal: str) -> float | int:
    """JSON has one kind of number: 7.0 is 7, also where an integer is expected."""
    check_digits(literal)
    value = float(literal)
    if math.isinf(value):
        raise bad_request(f"the number {quoted(literal)} is too large")
    return as_integer(value)


def as_integer(value: float) -> float | int:
    """`value` as an integer if it is one, and small enough for a float to hold it exactly."""
    return int(value) if value.is_integer() and abs(value) <= 2**53 else value


def parse_int(literal: str) -> int:
    check_digits(literal)
    return int(literal)


def check_digits(literal: str) -> None:
    if len(literal) > MAX_DIGITS:
        raise bad_request(f"a number has {len(literal):,} digits, more than {MAX_DIGITS:,}")
