"""No message is pydantic's: all that every model can say is looked at, also of models that come later."""

import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel, ValidationError
from pydantic_core.core_schema import ErrorType

import api.app  # noqa: F401 - it defines every model of a request
from jobs.settings import Settings, WrongSettings, load_settings
from jobs.validation.field_errors import MESSAGES, UNKNOWN_ERROR, field_errors
from jobs.validation.request_model import RequestModel
from model.config import StrictModel

WRONG: list[Any] = [
    None,
    True,
    0,
    -1,
    10**30,
    1.5,
    -0.5,
    float("nan"),
    float("inf"),
    "",
    "x",
    "\x00",
    "\ud800",
    "x" * 2_000_000,
    [],
    [None],
    [0.5, 1, 2],
    ["x"] * 2000,
    ["", "\x00", "x" * 20_000],
    {},
    {"": "", "k" * 1000: "v" * 20_000, "a": 1, "b": "\x00", "\x00": "b"},
    {str(number): "" for number in range(2000)},
]
PYDANTICS = re.compile(r"[Ii]nput|after validation|\bitems?\b|pattern|\^|\[0-9|a valid ")


def models() -> list[type[BaseModel]]:
    def below(kind: type[BaseModel]) -> Iterator[type[BaseModel]]:
        for child in kind.__subclasses__():
            yield child
            yield from below(child)

    return [Settings, *dict.fromkeys([*below(RequestModel), *below(StrictModel)])]


def errors_of(model: type[BaseModel], body: Any) -> Iterator[tuple[str, str, str]]:
    """Kind, pydantic's message and ours of each error."""
    try:
        model.model_validate(body)
    except ValidationError as invalid:
        for theirs, ours in zip(invalid.errors(), field_errors(invalid), strict=True):
            yield theirs["type"], theirs["msg"], ours.message


@pytest.mark.parametrize("model", models())
def test_every_error_of_every_model_is_said_in_plain_words(model: type[BaseModel]) -> None:
    bodies = [{name: wrong} for name in model.model_fields for wrong in WRONG]
    for body in [None, [], 3, {"unknown": 1}, *bodies]:
        for kind, theirs, ours in errors_of(model, body):
            assert ours != UNKNOWN_ERROR, (kind, theirs)
            assert ours != theirs, (kind, theirs)
            assert not PYDANTICS.search(ours), (kind, ours)
            assert ours.isprintable(), (kind, ours)
            assert len(ours) < 400, kind


def test_every_kind_of_error_that_has_a_message_exists() -> None:
    of_the_library = {"path_type", "byte_size", "byte_size_unit"}
    ours = {"array_too_short", "array_too_long"}
    assert set(MESSAGES) <= set(get_args(ErrorType)) | of_the_library | ours


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("name", "", "must not be empty"),
        ("name", "x" * 201, "must have at most 200 characters"),
        ("metadata", {str(n): "" for n in range(33)}, "must have at most 32 entries"),
        ("metadata", {"": "a"}, "the name must not be empty"),
        ("devices", "2", "must be an integer"),
        ("devices", 0, "must be at least 1"),
        ("training", [], "must be a JSON object"),
        ("tokenizer", 3, "must be a string"),
    ],
)
def test_what_would_be_right_is_said_as_a_person_would(name: str, value: Any, message: str) -> None:
    from jobs.spec.job_spec import JobSpec

    assert {ours for _, _, ours in errors_of(JobSpec, {name: value})} == {message}


def test_large_limits_are_written_with_separators_and_ports_without(monkeypatch: pytest.MonkeyPatch) -> None:
    from api.views.losses import LossesQuery

    (most,) = {ours for _, _, ours in errors_of(LossesQuery, {"max_points": 10**6})}
    assert most == "must be at most 10,000"
    monkeypatch.setenv("PRETRAIN_PORT", "70000")
    with pytest.raises(WrongSettings) as caught:
        load_settings()
    right = "must be a port, from 1 to 65535, or 0 for any that is free"
    assert str(caught.value) == f"PRETRAIN_PORT='70000': {right}"


def test_a_field_that_is_missing_has_no_value() -> None:
    from api.views.tokenizers import TokenizerRequest

    with pytest.raises(ValidationError) as invalid:
        TokenizerRequest.model_validate({"dataset": "sample"})
    errors = field_errors(invalid.value)
    assert {error.field for error in errors if not error.has_value} == {"name", "vocab_size"}


def test_wrong_settings_are_named_by_their_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRETRAIN_PORT", "many")
    monkeypatch.setenv("PRETRAIN_LOG_FORMAT", "xml")
    monkeypatch.setenv("PRETRAIN_MAX_JOB_MEMORY", "large")
    monkeypatch.setenv("PRETRAIN_ALLOWED_HOSTS", "a:" + "b" * 1000)
    with pytest.raises(WrongSettings) as caught:
        load_settings()
    lines = str(caught.value).splitlines()
    assert lines[0] == "PRETRAIN_PORT='many': must be an integer"
    assert any(line == "PRETRAIN_LOG_FORMAT='xml': must be 'text' or 'json'" for line in lines)
    assert any(
        line.startswith("PRETRAIN_MAX_JOB_MEMORY='large': must be a number of bytes") for line in lines
    )
    assert len(lines) == 4
    assert all(len(line) < 500 for line in lines)
