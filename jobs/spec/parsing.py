"""A decoded JSON body made a job's spec, or an error for each wrong field, all in one answer."""

import copy
from typing import Any

from pydantic import ValidationError

from jobs.spec.job_spec import RULES, JobSpec
from jobs.spec.presets import PRESETS
from jobs.spec.start_from import FindSource, SourceModel, StartFrom, check_start_from, disagreements
from jobs.validation.field_errors import FieldError, SpecError, field_errors
from jobs.validation.parsing import without_unwritable_names
from model.config import StrictModel, with_initialization

PRESET_NAMES = list(PRESETS)
SECTIONS = {name for name, value in JobSpec() if isinstance(value, StrictModel)}


def parse_spec(body: Any, find_source: FindSource | None = None) -> JobSpec:
    """Check a decoded JSON body and fill in what it leaves out.

    Rules between fields are checked too when other fields are wrong, so that one answer names everything.
    find_source  looks up the weights that it starts from; None leaves that to whoever stores the job
    raises       SpecError with every wrong field
    """
    if not isinstance(body, dict):
        raise SpecError([FieldError("", "must be a JSON object", body)])
    body, errors = without_unwritable_names(body)
    source, source_errors = source_of(body, find_source)
    errors += source_errors
    filled = fill_in(body, source)
    spec = None
    try:
        spec = JobSpec.model_validate(filled)
    except ValidationError as invalid:
        errors += field_errors(invalid)
    wrong = {error.field for error in errors}
    for fields, check in RULES:
        if any(field == bad or field.startswith(bad + ".") for field in fields for bad in wrong):
            continue
        values = [value_at(filled, field) for field in fields]
        message = check(*values)
        if message is not None:
            errors.append(FieldError(fields[0], message, values[0]))
    if source is not None:
        errors += [error for error in disagreements(filled, source) if error.field not in wrong]
    if errors or spec is None:
        raise SpecError(errors)
    return spec


def source_of(
    body: dict[str, Any], find_source: FindSource | None
) -> tuple[SourceModel | None, list[FieldError]]:
    """What a body starts from, or why there is no such thing. One that is malformed is the spec's error."""
    given = body.get("start_from")
    if find_source is None or not isinstance(given, dict) or check_start_from(given) is not None:
        return None, []
    try:
        asked = StartFrom.model_validate(given)
    except ValidationError:
        return None, []
    try:
        return find_source(asked), []
    except SpecError as error:
        return None, error.errors


def fill_in(body: dict[str, Any], source: SourceModel | None = None) -> dict[str, Any]:
    """`body` over what it starts from, over its preset, over the defaults. What is wrong in `body` stays, for
    validation to find."""
    preset = body.get("preset", "lecture")
    filled = overlay(JobSpec().model_dump(), PRESETS[preset] if preset in PRESET_NAMES else {})
    if source is not None:
        filled = overlay(filled, {"tokenizer": source.tokenizer, "model": dict(source.model)})
        model = body.get("model")
        if isinstance(model, dict) and model.get("initialization", "") is None:  # null is what is filled in
            given = {name: value for name, value in model.items() if name != "initialization"}
            body = {**body, "model": given}
    filled = overlay(filled, with_train_ratio(body))
    model = filled["model"]
    return {**filled, "model": with_initialization(model)} if isinstance(model, dict) else filled


def with_train_ratio(body: dict[str, Any]) -> dict[str, Any]:
    """`body` with a `train_ratio` of null if it has a `validation_dataset`, and does not say otherwise."""
    if body.get("validation_dataset") is None or not isinstance(training := body.get("training", {}), dict):
        return body
    return {**body, "training": {"train_ratio": None, **training}}


def overlay(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`base` with the fields of `changes`, which replace a section's fields, not the whole section."""
    merged = copy.copy(base)
    for name, value in changes.items():
        is_section = name in SECTIONS and isinstance(value, dict)
        merged[name] = {**base[name], **value} if is_section else value
    return merged


def value_at(tree: dict[str, Any], path: str) -> Any:
    value: Any = tree
    for name in path.split("."):
        value = value[name]
    return value
