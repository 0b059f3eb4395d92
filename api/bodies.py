"""JSON bodies, read strictly: what `json.loads` would let pass or guess at is refused here, with 400."""

import json
import math
from http import HTTPStatus
from typing import Any, NoReturn

from flask import request

from api.problems import Refusal
from jobs.files.encodings import why_not_utf8

MAX_BODY_BYTES = 1024 * 1024
MAX_DEPTH = 32
MAX_DIGITS = 1000


def read_json() -> Any:
    """The request's decoded body.

    raises  Refusal: 400 if it is not JSON in UTF-8, repeats a name in an object, nests deeper than 32 levels,
            or has NaN, Infinity or a number too large to hold; 415 if it is not called `application/json`.
            RequestEntityTooLarge (413) if it is longer than the request's `max_content_length`
    """
    content = request.get_data(cache=False)
    if not content:
        raise bad("the body is empty; send a JSON object, {} at least")
    if request.mimetype != "application/json":
        given = f"not {request.mimetype}" if request.mimetype else "and the header is missing"
        raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Content-Type must be application/json, {given}")
    if request.content_encoding not in (None, "identity"):
        raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body must not be compressed")
    return decode(content)


def decode(content: bytes) -> Any:
    if wrong := why_not_utf8(content):
        raise bad(f"the body {wrong}")
    try:
        value = json.loads(
            content.decode(),
            object_pairs_hook=unique,
            parse_constant=refuse_constant,
            parse_float=finite_float,
            parse_int=short_int,
        )
    except json.JSONDecodeError as error:
        raise bad(f"the body is not JSON: {error}") from error
    except RecursionError as error:
        raise too_deep() from error
    check_depth(value)
    return value


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, value in pairs:
        if name in members:
            raise bad(f"the name {name!r} stands twice in one object")
        members[name] = value
    return members


def refuse_constant(name: str) -> NoReturn:
    raise bad(f"{name} is not JSON")


def finite_float(literal: str) -> float:
    value = float(literal)
    if math.isinf(value):
        raise bad(f"the number {literal[:40]} is too large")
    return value


def short_int(literal: str) -> int:
    if len(literal) > MAX_DIGITS:
        raise bad(f"a number has {len(literal)} digits, more than {MAX_DIGITS}")
    return int(literal)


def check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        containers = [entry for entry in level if isinstance(entry, dict | list)]
        level = [
            child
            for container in containers
            for child in (container.values() if isinstance(container, dict) else container)
        ]
        if not containers:
            return
    raise too_deep()


def too_deep() -> Refusal:
    return bad(f"the body nests deeper than {MAX_DEPTH} levels")


def bad(detail: str) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, detail)
