"""What is wrong with a field, in plain words instead of pydantic's."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from jobs.validation.quoting import cut
from model.config import LONE_SURROGATE

Context = dict[str, Any]
"""The figures of an error of pydantic's: its `ctx`."""

Message = Callable[[Context], str]

UNION_TAGS = ("[text]", "[list]")
"""Of the kinds of a value in `model.config`, which pydantic puts into paths."""

UNKNOWN_ERROR = "must be another value"
"""For errors without a message here, which no model has: a test goes through all of them."""


class NotGiven:
    """In place of a value where there is none: null is one."""

    def __repr__(self) -> str:
        return "not given"


NOT_GIVEN = NotGiven()


@dataclass(frozen=True)
class FieldError:
    """A wrong field: its dotted path, what would be right, and the value that was given."""

    field: str
    message: str
    value: Any = NOT_GIVEN

    @property
    def has_value(self) -> bool:
        return not isinstance(self.value, NotGiven)


class SpecError(ValueError):
    """A spec, or another body, is wrong; `errors` has every wrong field."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__("; ".join(f"{error.field}: {error.message}" for error in errors))
        self.errors = errors


def field_errors(invalid: ValidationError) -> list[FieldError]:
    """Every wrong field."""
    return [as_field_error(error) for error in invalid.errors(include_url=False)]


def as_field_error(error: Any) -> FieldError:
    """Of a pydantic error: the path as the body has it, and what would be right."""
    location = tuple(part for part in error["loc"] if part not in UNION_TAGS)
    # Of a field that is missing pydantic gives the object around it.
    value = NOT_GIVEN if error["type"] == "missing" else error["input"]
    message = plain_message(error["type"], error.get("ctx", {}), value)
    if location and location[-1] == "[key]":
        message = f"the name {message}"
    return FieldError(cut(".".join(str(part) for part in location if part != "[key]")), message, value)


def plain_message(kind: str, context: Context, value: Any) -> str:
    """What would be right.

    kind     pydantic's name of the error
    context  its figures
    value    what was given
    """
    if kind in ("too_short", "too_long"):
        # Pydantic counts characters as items too where a validator of ours stands between string and limit.
        kind = f"{'string' if isinstance(value, str) else 'array'}_{kind}"
    message = MESSAGES.get(kind, UNKNOWN_ERROR)
    return message if isinstance(message, str) else message(context)


def min_length(many: str) -> Message:
    def message(context: Context) -> str:
        least: int = context["min_length"]
        return "must not be empty" if least == 1 else f"must have at least {least:,} {many}"

    return message


def max_length(one: str, many: str) -> Message:
    def message(context: Context) -> str:
        most: int = context["max_length"]
        return f"must have at most {most:,} {one if most == 1 else many}"

    return message


OBJECT, ARRAY, STRING = "must be a JSON object", "must be a JSON array", "must be a string"
BOOLEAN, INTEGER, NUMBER = "must be true or false", "must be an integer", "must be a number"

MESSAGES: dict[str, str | Message] = {
    "missing": "must be given",
    "extra_forbidden": "unknown field",
    "value_error": lambda context: str(context["error"]),
    "model_type": OBJECT,
    "dict_type": OBJECT,
    "list_type": ARRAY,
    "tuple_type": ARRAY,
    "array_too_short": min_length("entries"),
    "array_too_long": max_length("entry", "entries"),
    "union_tag_not_found": "must be a string, or a JSON array of strings",
    "none_required": "must be null",
    "bool_type": BOOLEAN,
    "bool_parsing": BOOLEAN,
    "int_type": INTEGER,
    "int_parsing": INTEGER,
    "int_parsing_size": INTEGER,
    "int_from_float": INTEGER,
    "float_type": NUMBER,
    "float_parsing": NUMBER,
    "finite_number": "must be a finite number",
    "greater_than": lambda context: f"must be greater than {context['gt']:,}",
    "greater_than_equal": lambda context: f"must be at least {context['ge']:,}",
    "less_than": lambda context: f"must be less than {context['lt']:,}",
    "less_than_equal": lambda context: f"must be at most {context['le']:,}",
    "multiple_of": lambda context: f"must be a multiple of {context['multiple_of']:,}",
    "string_type": STRING,
    "string_unicode": LONE_SURROGATE,
    "string_too_short": min_length("characters"),
    "string_too_long": max_length("character", "characters"),
    "literal_error": lambda context: f"must be {context['expected']}",
    "enum": lambda context: f"must be {context['expected']}",
    # Those of the settings.
    "path_type": "must be a path",
    "byte_size": "must be a number of bytes, such as 500MB or 16GiB",
    "byte_size_unit": "must be a number of bytes, such as 500MB or 16GiB",
}
"""By pydantic's names of its errors. A pattern's is not here: validators say in words what it means."""
