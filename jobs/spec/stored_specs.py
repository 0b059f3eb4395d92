"""Specs in the database, which this version or an earlier one has stored."""

from typing import Any

from pydantic import ValidationError

from jobs.spec.job_spec import JobSpec
from jobs.validation.field_errors import SpecError, field_errors
from model.config import Initialization, known_fields


class UnreadableSpec(ValueError):
    """A stored spec that this version can't read; the message names every wrong field."""


def read_spec(stored: dict[str, Any]) -> JobSpec:
    """The spec of a stored job, with the meaning that it had when it was posted.

    Fields that have gone since are left out. Those that came since have their defaults, or what the version
    that stored the spec did without them. raises UnreadableSpec
    """
    fields = known_fields(JobSpec, stored)
    model = fields.get("model", {})
    if isinstance(model, dict) and model.get("initialization") is None:
        fields["model"] = {**model, "initialization": initialization_by_preset(stored)}
    try:
        return JobSpec.model_validate(fields)
    except ValidationError as invalid:
        raise UnreadableSpec(
            f"the stored spec can't be read: {SpecError(field_errors(invalid))}"
        ) from invalid


def initialization_by_preset(stored: dict[str, Any]) -> Initialization:
    """What followed from the preset's name before `model.initialization` was a field: PyTorch's for the
    lecture's model unless its head is tied, GPT-2's for every other."""
    is_lecture = stored.get("preset", "lecture") == "lecture"
    return "pytorch" if is_lecture and not stored.get("model", {}).get("tie_weights", False) else "gpt2"


def attempts_allowed(stored: dict[str, Any]) -> int:
    """Its `max_attempts`, also where the rest of it can't be read: a job must be able to fail."""
    max_attempts = stored.get("max_attempts")
    return max_attempts if isinstance(max_attempts, int) else JobSpec().max_attempts
