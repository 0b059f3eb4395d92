from typing import Any

import pytest

from jobs.spec.parsing import parse_spec
from jobs.spec.start_from import SourceModel, StartFrom
from jobs.validation.field_errors import FieldError, SpecError

MODEL = {
    "context_length": 64,
    "emb_dim": 32,
    "n_heads": 2,
    "n_layers": 2,
    "drop_rate": 0.1,
    "qkv_bias": True,
    "tie_weights": True,
    "initialization": "gpt2",
}
START = {"start_from": {"model": "model-1"}}


def find(asked: StartFrom) -> SourceModel:
    if "0" in str(asked.job or asked.model):
        raise SpecError([FieldError("start_from.model", "no model 'model-0'", "model-0")])
    return SourceModel("the model model-1", "bytes", MODEL)


def errors(body: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(SpecError) as wrong:
        parse_spec(body, find)
    return {error.field: error.message for error in wrong.value.errors}


def test_without_it_weights_are_drawn() -> None:
    assert parse_spec({}, find).start_from is None


@pytest.mark.parametrize(
    "source", [{"model": "model-1"}, {"job": "job-1"}, {"job": "job-1", "checkpoint": 7}]
)
def test_model_and_tokenizer_are_those_of_the_weights(source: dict[str, Any]) -> None:
    spec = parse_spec({"start_from": source, "preset": "tiny"}, find)
    assert spec.model.model_dump() == MODEL
    assert spec.tokenizer == "bytes"
    assert spec.training.num_epochs == 3, "the preset fills in the rest"
    assert spec.start_from is not None
    assert spec.start_from.model_dump(exclude_none=True) == source


def test_dropout_may_differ_and_the_context_be_shorter() -> None:
    given = {"drop_rate": 0.0, "context_length": 16, "initialization": None, "n_layers": 2}
    spec = parse_spec({**START, "tokenizer": "bytes", "model": given}, find)
    assert spec.model.model_dump() == {**MODEL, "drop_rate": 0.0, "context_length": 16}


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        ({"model": {"emb_dim": 64}}, "model.emb_dim", "must be 32, as in the model model-1; leave it out"),
        ({"model": {"tie_weights": False}}, "model.tie_weights", "must be true, as in the model model-1"),
        ({"model": {"initialization": "pytorch"}}, "model.initialization", 'must be "gpt2", as in'),
        (
            {"model": {"context_length": 65}},
            "model.context_length",
            "must be at most 64: the model model-1 has",
        ),
        ({"tokenizer": "gpt2"}, "tokenizer", "must be 'bytes', that of the model model-1; leave it out"),
        ({"model": {"emb_dim": "x"}}, "model.emb_dim", "must be an integer"),
    ],
)
def test_what_the_weights_rule_out_is_named_with_both_values(body: Any, field: str, message: str) -> None:
    found = errors({**START, **body, "devices": 0})
    assert set(found) == {field, "devices"}, "with every other wrong field"
    assert found[field].startswith(message)


@pytest.mark.parametrize(
    ("start_from", "field", "message"),
    [
        ({}, "start_from", 'must be {"job": ID, "checkpoint": "last", "best" or a step} or {"model": ID}'),
        ({"checkpoint": "last"}, "start_from", "must be {"),
        ({"job": "job-1", "model": "model-1"}, "start_from", "must be {"),
        ({"model": "model-1", "checkpoint": 3}, "start_from", "a model from outside has no checkpoints"),
        (
            {"job": "job-1", "checkpoint": "newest"},
            "start_from.checkpoint",
            'must be "last", "best" or the step',
        ),
        ({"job": "job-1", "checkpoint": True}, "start_from.checkpoint", "must be"),
        ({"job": "job-1", "checkpoint": -1}, "start_from.checkpoint", "must be"),
        ({"job": ""}, "start_from.job", "must not be empty"),
        ({"model": 1}, "start_from.model", "must be a string"),
        ({"weights": "x", "model": "model-1"}, "start_from.weights", "unknown field"),
        ("model-1", "start_from", "must be a JSON object"),
        ({"model": "model-0"}, "start_from.model", "no model 'model-0'"),
    ],
)
def test_what_names_no_weights_is_refused(start_from: Any, field: str, message: str) -> None:
    found = errors({"start_from": start_from})
    assert set(found) == {field}
    assert found[field].startswith(message)
