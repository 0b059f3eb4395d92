"""The weights that a job starts from in place of drawn ones, and what of its spec they decide."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, PlainValidator, WithJsonSchema

from jobs.validation.field_errors import FieldError
from jobs.validation.request_model import RequestModel
from jobs.validation.strict_json import to_json
from model.config import WEIGHTLESS_FIELDS, Text

MAX_STEP = 2**63 - 1

SourceId = Annotated[Text, Field(min_length=1, max_length=200)]


def check_checkpoint(value: Any) -> str | int:
    is_step = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_STEP
    if is_step or value in ("last", "best"):
        return value
    raise ValueError('must be "last", "best" or the step of a checkpoint')


CheckpointChoice = Annotated[
    str | int,
    PlainValidator(check_checkpoint),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "enum": ["last", "best"]},
                {"type": "integer", "minimum": 0, "maximum": MAX_STEP},
            ]
        }
    ),
]


class StartFrom(RequestModel):
    """A job's checkpoint, `{"job": ID, "checkpoint": "last"}`, or a model from outside, `{"model": ID}`."""

    job: SourceId | None = None
    """The id of the job."""

    checkpoint: CheckpointChoice | None = None
    """`last`, `best` or the step of the job's checkpoint. Default: null, which is last."""

    model: SourceId | None = None
    """The id of a model from outside, in place of a job's."""


@dataclass(frozen=True)
class SourceModel:
    """The model whose weights a job starts from."""

    name: str
    """In messages."""
    tokenizer: str
    model: Mapping[str, Any]
    """The section of a spec, with every field filled in."""


FindSource = Callable[[StartFrom], SourceModel]
"""raises  SpecError if there are no such weights"""


def check_start_from(start_from: Mapping[str, Any] | None) -> str | None:
    """What is wrong with which of its fields are given."""
    if start_from is None:
        return None
    job, checkpoint, model = (start_from.get(name) for name in ("job", "checkpoint", "model"))
    if (job is None) == (model is None):
        return 'must be {"job": ID, "checkpoint": "last", "best" or a step} or {"model": ID}'
    if model is not None and checkpoint is not None:
        return "a model from outside has no checkpoints: leave checkpoint out"
    return None


def disagreements(filled: Mapping[str, Any], source: SourceModel) -> list[FieldError]:
    """Fields of a filled spec that the source's weights rule out."""
    errors = []
    if filled["tokenizer"] != source.tokenizer:
        message = f"must be {source.tokenizer!r}, that of {source.name}; leave it out"
        errors.append(FieldError("tokenizer", message, filled["tokenizer"]))
    model = filled["model"] if isinstance(filled["model"], Mapping) else {}
    for name, theirs in source.model.items():
        if name in WEIGHTLESS_FIELDS or name not in model or model[name] == theirs:
            continue
        message = f"must be {to_json(theirs)}, as in {source.name}; leave it out"
        if name == "context_length":
            if type(model[name]) is not int or model[name] < theirs:
                continue
            message = f"must be at most {theirs:,}: {source.name} has weights for so many positions"
        errors.append(FieldError(f"model.{name}", message, model[name]))
    return errors
