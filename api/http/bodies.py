"""JSON bodies, read strictly: what `json.loads` would let pass or guess at is refused here, with 400.

What a body may hold is bounded before anything is made of it: a mebibyte of JSON can be half a million
values, and an error for each of them would take a gigabyte.
"""

import json
import math
import re
from http import HTTPStatus
from typing import Any, NoReturn

from flask import request

from api.http.problems import Refusal
from jobs.files.encodings import why_not_utf8
from jobs.spec.quoting import quoted

MAX_BODY_BYTES = 1024 * 1024
MAX_DEPTH = 32
MAX_DIGITS = 1000
MAX_MEMBERS = 1000
"""Names and values in all objects and arrays together. The largest spec has a tenth of that."""
PARTS_OF_A_MEMBER = 5
"""A comma, a name and a value that is a string or has two brackets, at most."""

BYTE_ORDER_MARK = "\ufeff"

PART = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{},]', re.DOTALL)
"""A string, which may lack its end, or a bracket or comma outside of one."""


def read_json() -> Any:
    """The request's decoded body.

    raises  Refusal: 400 if it is not JSON in UTF-8, repeats a name in an object, nests deeper than 32 levels,
            holds more than 1,000 values, or has NaN, Infinity or a number too large to hold;
            415 if it is not called `application/json`.
            RequestEntityTooLarge (413) if it is longer than the request's `max_content_length`
    """
    content = request.get_data(cache=False)
    if not content:
        raise bad("the body is empty; send a JSON object, {} at least")
    if request.mimetype != "application/json":
        given = f"not {quoted(request.mimetype)}" if request.mimetype else "and the header is missing"
        raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Content-Type must be application/json, {given}")
    if request.content_encoding not in (None, "identity"):
        raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body must not be compressed")
    return decode(content)


def read_no_body() -> Any:
    """The decoded body of a request that should have none, whatever it is called; `{}` if it is empty.

    raises  as `read_json` does, but for 415
    """
    content = request.get_data(cache=False)
    return decode(content) if content.strip() else {}


def decode(content: bytes) -> Any:
    """raises Refusal (400)"""
    if wrong := why_not_utf8(content):
        raise bad(f"the body {wrong}")
    text = content.decode()
    if text.startswith(BYTE_ORDER_MARK):
        raise bad("the body is not JSON: it begins with a byte order mark")
    check_size(text)
    try:
        return json.loads(
            text,
            object_pairs_hook=unique,
            parse_constant=refuse_constant,
            parse_float=finite_number,
            parse_int=short_int,
        )
    except json.JSONDecodeError as error:
        raise bad(f"the body is not JSON: {error}") from error


def check_size(text: str) -> None:
    """Count values and levels up to what is allowed, and make nothing of them.

    raises  Refusal (400) if `text` has too many; what is no JSON may have any
    """
    members = depth = 0
    for parts, found in enumerate(PART.finditer(text)):
        part = found[0]
        if part in {"[", "{"}:
            depth += 1
            members += 1
        elif part in {"]", "}"}:
            depth -= 1
        elif part == ",":
            members += 1
        if depth > MAX_DEPTH:
            raise bad(f"the body nests deeper than {MAX_DEPTH} levels")
        if members > MAX_MEMBERS or parts > PARTS_OF_A_MEMBER * MAX_MEMBERS:
            raise bad(f"the body holds more than {MAX_MEMBERS:,} values")


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise bad(f"the name {quoted(name)} stands twice in one object")
        members[name] = value
    return members


def refuse_constant(name: str) -> NoReturn:
    raise bad(f"{name} is not JSON")


def finite_number(literal: str) -> float | int:
    """JSON has one kind of number: 7.0 is 7, also where an integer is wanted."""
    check_digits(literal)
    value = float(literal)
    if math.isinf(value):
        raise bad(f"the number {quoted(literal)} is too large")
    return as_integer(value)


def as_integer(value: float) -> float | int:
    """`value`, as an integer if it is one that a float can hold exactly."""
    return int(value) if value.is_integer() and abs(value) <= 2**53 else value


def short_int(literal: str) -> int:
    check_digits(literal)
    return int(literal)


def check_digits(literal: str) -> None:
    if len(literal) > MAX_DIGITS:
        raise bad(f"a number has {len(literal)} digits, more than {MAX_DIGITS}")


def bad(detail: str) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, detail)
