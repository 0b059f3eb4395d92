"""Specs as rows hold them: written by this version or an earlier one, and read by whoever needs one."""

from typing import Any

from jobs.spec import JobSpec
from model.config import Initialization, known_fields


def read_spec(stored: dict[str, Any]) -> JobSpec:
    """The spec of a job's row, meaning what it meant when it was posted.

    Fields that have gone since are left out. Those that came since have their defaults, or what the version
    that stored the spec did without them.
    """
    fields = known_fields(JobSpec, stored)
    model = fields.get("model", {})
    if model.get("initialization") is None:
        fields["model"] = {**model, "initialization": initialization_by_preset(stored)}
    return JobSpec.model_validate(fields)


def initialization_by_preset(stored: dict[str, Any]) -> Initialization:
    """What the preset's name decided before `model.initialization` was a field: PyTorch's for the lecture's
    model unless its head is tied, GPT-2's for every other."""
    is_lecture = stored.get("preset", "lecture") == "lecture"
    return "pytorch" if is_lecture and not stored.get("model", {}).get("tie_weights", False) else "gpt2"
