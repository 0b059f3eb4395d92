"""What a person may change when a job is forked, and the spec that comes of it."""

from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from jobs.spec.job_spec import JobSpec
from jobs.spec.parsing import overlay, parse_spec
from jobs.spec.start_from import CheckpointChoice
from jobs.validation.field_errors import FieldError, SpecError
from jobs.validation.request_model import RequestModel
from jobs.validation.strict_json import to_json
from model.config import WEIGHTLESS_FIELDS, TrainingConfig


class ChangedFields(dict[str, Any]):
    """A spec of which only the changed fields are given, documented as one."""

    @classmethod
    def __get_pydantic_core_schema__(cls, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.dict_schema(core_schema.str_schema(), core_schema.any_schema())

    @classmethod
    def __get_pydantic_json_schema__(cls, _: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(JobSpec.__pydantic_core_schema__)


class ForkRequest(RequestModel):
    """How a new job goes on from a checkpoint of another one."""

    checkpoint: CheckpointChoice = "last"
    """`last`, `best` or the step of a checkpoint. Default: last."""

    with_optimizer: bool = True
    """Whether to go on exactly where the checkpoint was, with the optimizer's state, the step and the
    generators; or to start at step 0 from its weights alone. Default: true."""

    spec: ChangedFields = ChangedFields()
    """The fields that change; all others are the parent's. Those that the weights' shapes follow from can't
    change. Default: none."""


def forked_spec(parent: JobSpec, asked: ForkRequest) -> JobSpec:
    """The parent's spec with the asked changes.

    raises  SpecError with every wrong field
    """
    changes = asked.spec
    errors = [*shape_errors(parent, changes), *preset_errors(parent, changes), *start_errors(changes)]
    refused = {error.field for error in errors}
    try:
        # What the parent itself has started from is no more the child's than its drawn weights would be.
        kept = {**parent.model_dump(mode="json"), "start_from": None}
        spec = parse_spec(overlay(kept, with_split(parent, changes)))
    except SpecError as wrong:
        found = [FieldError(f"spec.{error.field}", error.message, error.value) for error in wrong.errors]
        raise SpecError([*errors, *(error for error in found if error.field not in refused)]) from wrong
    if asked.with_optimizer and spec.training.optimizer != parent.training.optimizer:
        message = (
            f"must be {parent.training.optimizer!r}, the parent's, whose state the checkpoint has; "
            "or with_optimizer false"
        )
        errors.append(FieldError("spec.training.optimizer", message, spec.training.optimizer))
    if errors:
        raise SpecError(errors)
    return spec


def with_split(parent: JobSpec, changes: dict[str, Any]) -> dict[str, Any]:
    """The changes with the `train_ratio` that goes with another kind of `validation_dataset`, unless they say
    otherwise."""
    if "validation_dataset" not in changes or not isinstance(training := changes.get("training", {}), dict):
        return changes
    if (changes["validation_dataset"] is None) == (parent.validation_dataset is None):
        return changes
    ratio = TrainingConfig().train_ratio if changes["validation_dataset"] is None else None
    return {**changes, "training": {"train_ratio": ratio, **training}}


def shape_errors(parent: JobSpec, changes: dict[str, Any]) -> list[FieldError]:
    """Fields that the weights' shapes, or what they mean, follow from."""
    model = changes.get("model")
    asked = {f"model.{name}": value for name, value in model.items()} if isinstance(model, dict) else {}
    asked |= {name: changes[name] for name in ("tokenizer",) if name in changes}
    kept = {"tokenizer": parent.tokenizer}
    kept |= {f"model.{name}": value for name, value in parent.model if name not in WEIGHTLESS_FIELDS}
    return [
        FieldError(
            f"spec.{field}",
            f"can't change in a fork: the checkpoint's weights go with it; it is {to_json(kept[field])}",
            value,
        )
        for field, value in asked.items()
        if field in kept and value != kept[field]
    ]


def preset_errors(parent: JobSpec, changes: dict[str, Any]) -> list[FieldError]:
    """A preset fills in what is not given, and here everything is."""
    if changes.get("preset", parent.preset) == parent.preset:
        return []
    message = f"can't change in a fork, whose fields are the parent's; it is {to_json(parent.preset)}"
    return [FieldError("spec.preset", message, changes["preset"])]


def start_errors(changes: dict[str, Any]) -> list[FieldError]:
    """A fork starts from its parent."""
    if changes.get("start_from") is None:
        return []
    message = "can't be set in a fork, which starts from its parent's checkpoint"
    return [FieldError("spec.start_from", message, changes["start_from"])]
