"""A decoded JSON body made a request, or an error for each wrong field, all in one answer."""

from typing import Any, TypeVar

from pydantic import ValidationError

from jobs.validation.field_errors import FieldError, SpecError, field_errors
from jobs.validation.quoting import cut
from jobs.validation.request_model import RequestModel
from model.config import LONE_SURROGATE, SURROGATE

Request = TypeVar("Request", bound=RequestModel)


def parse(model: type[Request], body: Any) -> Request:
    """Check a decoded JSON body that is to be a `model`. raises SpecError with every wrong field"""
    writable, errors = without_unwritable_names(body)
    try:
        parsed = model.model_validate(writable)
    except ValidationError as invalid:
        errors += field_errors(invalid)
    if errors:
        raise SpecError(errors)
    return parsed


def without_unwritable_names(body: Any, path: str = "") -> tuple[Any, list[FieldError]]:
    """`body` without the members whose names hold lone surrogates, and an error for each of them.

    Pydantic would say of such a body nothing but that, and the answer could not hold the name.
    """
    errors: list[FieldError] = []
    writable: Any = body
    if isinstance(body, dict):
        writable = {}
        for name, member in body.items():
            member_path = f"{path}.{name}" if path else name
            if SURROGATE.search(name):
                errors.append(FieldError(cut(member_path), LONE_SURROGATE, member))
            else:
                writable[name], member_errors = without_unwritable_names(member, member_path)
                errors += member_errors
    elif isinstance(body, list):
        writable = []
        for number, entry in enumerate(body):
            entry_path = f"{path}.{number}" if path else str(number)
            writable_entry, entry_errors = without_unwritable_names(entry, entry_path)
            writable.append(writable_entry)
            errors += entry_errors
    return writable, errors
