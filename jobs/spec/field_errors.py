"""What is wrong with a field, as a person would say it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from jobs.spec.quoting import cut
from model.config import LONE_SURROGATE, SURROGATE

Context = dict[str, Any]
"""The figures that an error of pydantic's comes with."""

Message = Callable[[Context], str]

UNSAYABLE = "must be another value"
"""What no model's errors come to: a test goes through all of them."""


@dataclass(frozen=True)
class FieldError:
    """One wrong field: its dotted path, what would be right, and the value that was given."""

    field: str
    message: str
    value: Any = None


class SpecError(ValueError):
    """A spec, or another body, that cannot be taken; `errors` holds every wrong field."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__("; ".join(f"{error.field}: {error.message}" for error in errors))
        self.errors = errors


def field_errors(invalid: ValidationError) -> list[FieldError]:
    """Every wrong field."""
    return [as_field_error(error) for error in invalid.errors(include_url=False)]


def as_field_error(error: Any) -> FieldError:
    """A pydantic error as a person would say it: the path that they wrote, and what would be right."""
    place, value = error["loc"], error["input"]
    message = plain_message(error["type"], error.get("ctx", {}), value)
    if place and place[-1] == "[key]":
        message = f"the name {message}"
    return FieldError(cut(".".join(str(part) for part in place if part != "[key]")), message, value)


def plain_message(kind: str, context: Context, value: Any) -> str:
    """What would be right.

    kind     pydantic's name of the error
    context  its figures
    value    what was given
    """
    if kind in ("too_short", "too_long"):
        # Pydantic calls characters items too where a validator of ours stands between string and limit.
        kind = f"{'string' if isinstance(value, str) else 'array'}_{kind}"
    message = MESSAGES.get(kind, UNSAYABLE)
    return message if isinstance(message, str) else message(context)


def not_shorter(many: str) -> Message:
    def message(context: Context) -> str:
        least: int = context["min_length"]
        return "must not be empty" if least == 1 else f"must have at least {least:,} {many}"

    return message


def not_longer(one: str, many: str) -> Message:
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
    "array_too_short": not_shorter("entries"),
    "array_too_long": not_longer("entry", "entries"),
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
    "greater_than": lambda context: f"must be greater than {context['gt']}",
    "greater_than_equal": lambda context: f"must be at least {context['ge']}",
    "less_than": lambda context: f"must be less than {context['lt']}",
    "less_than_equal": lambda context: f"must be at most {context['le']}",
    "multiple_of": lambda context: f"must be a multiple of {context['multiple_of']}",
    "string_type": STRING,
    "string_unicode": LONE_SURROGATE,
    "string_too_short": not_shorter("characters"),
    "string_too_long": not_longer("character", "characters"),
    "literal_error": lambda context: f"must be {context['expected']}",
    "enum": lambda context: f"must be {context['expected']}",
    # Those of the settings.
    "path_type": "must be a path",
    "byte_size": "must be a number of bytes, such as 500MB or 16GiB",
    "byte_size_unit": "must be a number of bytes, such as 500MB or 16GiB",
}
"""By pydantic's names of its errors. A pattern's is not here: a validator says in words what it means."""


def without_unwritable_names(body: Any, path: str = "") -> tuple[Any, list[FieldError]]:
    """`body` without the members whose names hold lone surrogates, and an error for each of them.

    Pydantic would say of such a body nothing but that, and the answer could not hold the name.
    """
    errors: list[FieldError] = []
    rest: Any = body
    if isinstance(body, dict):
        rest = {}
        for name, member in body.items():
            below = f"{path}.{name}" if path else name
            if SURROGATE.search(name):
                errors.append(FieldError(cut(below), LONE_SURROGATE, member))
            else:
                rest[name], inner = without_unwritable_names(member, below)
                errors += inner
    elif isinstance(body, list):
        rest = []
        for number, entry in enumerate(body):
            kept, inner = without_unwritable_names(entry, f"{path}.{number}" if path else str(number))
            rest.append(kept)
            errors += inner
    return rest, errors
