from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.spec.job_spec import JobSpec
from jobs.spec.parsing import parse_spec
from jobs.spec.presets import PRESETS
from jobs.validation.field_errors import SpecError
from jobs.validation.parsing import without_unwritable_names
from model.estimate.parameters import parameter_count

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
FIELDS = ["name", "preset", "dataset", "tokenizer", "model", "training", "sampling", "devices", "metadata"]


def wrong_fields(body: Any) -> set[str]:
    with pytest.raises(SpecError) as caught:
        parse_spec(body)
    return {error.field for error in caught.value.errors}


def test_an_empty_body_is_the_lectures_job() -> None:
    spec = parse_spec({})
    assert spec.model.model_dump() == {
        "context_length": 256,
        "emb_dim": 768,
        "n_heads": 12,
        "n_layers": 12,
        "drop_rate": 0.1,
        "qkv_bias": False,
        "tie_weights": False,
        "initialization": "pytorch",
    }
    assert (spec.training.num_epochs, spec.training.batch_size, spec.training.learning_rate) == (10, 2, 4e-4)
    assert parameter_count(spec.gpt) == 162_419_712


def test_presets_have_gpt2s_published_sizes() -> None:
    millions = {name: round(parameter_count(parse_spec({"preset": name}).gpt) / 1e6) for name in PRESETS}
    assert millions == {
        "lecture": 162,
        "gpt2-small": 124,
        "gpt2-medium": 355,
        "gpt2-large": 774,
        "gpt2-xl": 1558,
        "tiny": 3,
    }


def test_a_text_of_its_own_to_validate_on_leaves_nothing_to_split() -> None:
    for training in ({}, {"train_ratio": None}):
        spec = parse_spec({"preset": "tiny", "validation_dataset": "sample", "training": training})
        assert spec.training.train_ratio is None
        assert spec.training.num_epochs == 3
    assert parse_spec({"validation_dataset": None}).training.train_ratio == 0.9
    assert parse_spec(spec.model_dump(mode="json")) == spec


@pytest.mark.parametrize(
    "body",
    [
        {"validation_dataset": "sample", "training": {"train_ratio": 0.9}},
        {"validation_dataset": None, "training": {"train_ratio": None}},
        {"training": {"train_ratio": None}},
        {"training": {"train_ratio": 1.0}},
    ],
)
def test_a_split_and_a_text_of_its_own_to_validate_on_exclude_each_other(body: dict[str, Any]) -> None:
    assert wrong_fields(body) == {"training.train_ratio"}


def test_fields_given_override_the_presets() -> None:
    spec = parse_spec({"preset": "tiny", "model": {"n_layers": 3}, "training": {"num_epochs": 7}})
    assert (spec.model.emb_dim, spec.model.n_layers, spec.training.num_epochs) == (64, 3, 7)


@pytest.mark.parametrize(
    ("body", "initialization"),
    [
        ({}, "pytorch"),
        ({"model": {"tie_weights": True}}, "gpt2"),
        ({"model": {"tie_weights": True, "initialization": None}}, "gpt2"),
        ({"model": {"tie_weights": True, "initialization": "pytorch"}}, "pytorch"),
        ({"model": {"initialization": "gpt2"}}, "gpt2"),
        ({"preset": "tiny"}, "gpt2"),
        ({"preset": "gpt2-small", "model": {"tie_weights": False}}, "gpt2"),
        ({"preset": "gpt2-small", "model": {"initialization": "pytorch"}}, "pytorch"),
    ],
)
def test_the_initialization_is_the_bodys_or_the_presets_or_follows_from_the_head(
    body: dict[str, Any], initialization: str
) -> None:
    spec = parse_spec(body)
    assert spec.model.initialization == spec.gpt.initialization == initialization


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_only_fills_in_fields(preset: str) -> None:
    of_preset = parse_spec({"preset": preset})
    written_out = parse_spec({**of_preset.model_dump(mode="json"), "preset": "lecture"})
    assert written_out == of_preset.model_copy(update={"preset": "lecture"})
    assert written_out.gpt == of_preset.gpt


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], ""),
        ("text", ""),
        ({"learning_rate": 1}, "learning_rate"),
        ({"status": "succeeded"}, "status"),
        ({"id": "job-1"}, "id"),
        ({"training": []}, "training"),
        ({"training": {"num_epochs": True}}, "training.num_epochs"),
        ({"training": {"num_epochs": "10"}}, "training.num_epochs"),
        ({"training": {"num_epochs": 0}}, "training.num_epochs"),
        ({"training": {"num_epochs": 1.5}}, "training.num_epochs"),
        ({"training": {"max_steps": 0}}, "training.max_steps"),
        ({"training": {"learning_rate": 0}}, "training.learning_rate"),
        ({"training": {"learning_rate": float("nan")}}, "training.learning_rate"),
        ({"training": {"seed": -1}}, "training.seed"),
        ({"training": {"seed": 2**32}}, "training.seed"),
        ({"training": {"seed": 7 + 2**32}}, "training.seed"),
        ({"training": {"seed": 2**63}}, "training.seed"),
        ({"training": {"batch_size": 2**64}}, "training.batch_size"),
        ({"training": {"betas": [0.9]}}, "training.betas.1"),
        ({"training": {"betas": [0.9, 1]}}, "training.betas.1"),
        ({"training": {"min_learning_rate": 1}}, "training.min_learning_rate"),
        ({"training": {"optimizer": "sgd"}}, "training.optimizer"),
        ({"training": {"compile": True, "numerics": "reference"}}, "training.compile"),
        ({"model": {"n_heads": 7}}, "model.emb_dim"),
        ({"model": {"drop_rate": 1}}, "model.drop_rate"),
        ({"model": {"initialization": "xavier"}}, "model.initialization"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "\ud800"}, "name"),
        ({"metadata": {"k": 1}}, "metadata.k"),
        ({"sampling": {"start_context": ""}}, "sampling.start_context"),
        ({"sampling": {"start_context": None}}, "sampling.start_context"),
        ({"sampling": {"start_context": []}}, "sampling.start_context"),
        ({"sampling": {"start_context": ["a"] * 9}}, "sampling.start_context"),
        ({"sampling": {"start_context": ["a", ""]}}, "sampling.start_context.1"),
        ({"sampling": {"start_context": ["a", 1]}}, "sampling.start_context.1"),
        ({"sampling": {"every_steps": 0}}, "sampling.every_steps"),
        ({"evaluation": {"eval_iter": 0}}, "evaluation.eval_iter"),
        ({"tokenizer": "words"}, "tokenizer"),
        ({"devices": 2}, "devices"),
        ({"queue": "fast"}, "queue"),
        ({"preset": "huge"}, "preset"),
        ({"preset": ["tiny"]}, "preset"),
    ],
)
def test_a_wrong_field_is_named(body: Any, field: str) -> None:
    assert wrong_fields(body) == {field}


def test_the_greatest_seed_is_accepted_and_documented() -> None:
    assert parse_spec({"training": {"seed": 2**32 - 1}}).training.seed == 2**32 - 1
    training = JobSpec.model_json_schema()["$defs"]["TrainingConfig"]
    assert training["properties"]["seed"]["maximum"] == 2**32 - 1


def test_every_wrong_field_is_named_at_once_rules_between_fields_too() -> None:
    body = {
        "status": "x",
        "model": {"emb_dim": 770, "n_layers": "12"},
        "training": {"num_epochs": True, "min_learning_rate": 1},
        "devices": 3,
    }
    assert wrong_fields(body) == {
        "status",
        "model.emb_dim",
        "model.n_layers",
        "training.num_epochs",
        "training.min_learning_rate",
        "devices",
    }


def test_an_error_names_the_value_and_what_would_be_right() -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec({"model": {"emb_dim": 770}})
    (error,) = caught.value.errors
    assert error.value == 770
    assert error.message == "must be a multiple of model.n_heads (12)"


@given(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4))
def test_any_json_is_a_spec_or_a_spec_error(body: dict[str, Any]) -> None:
    try:
        spec = parse_spec(body)
    except SpecError as error:
        named = error.errors
    else:
        named = []
        assert JobSpec.model_validate(spec.model_dump(mode="json")) == spec
    assert all(error.message for error in named)


def test_names_that_no_answer_could_hold_are_taken_out_and_named() -> None:
    body = {"a": {"\ud800": 1, "b": [{"\udfff\ud800": 2}, 3]}, "c": 4}
    rest, errors = without_unwritable_names(body)
    assert rest == {"a": {"b": [{}, 3]}, "c": 4}
    assert [(error.field, error.value) for error in errors] == [("a.\\ud800", 1), ("a.b.0.\\udfff\\ud800", 2)]
