"""The spec of a forked job."""

from typing import Any

import pytest

from jobs.spec.forks import ForkRequest, forked_spec
from jobs.spec.parsing import parse_spec
from jobs.validation.field_errors import SpecError
from jobs.validation.parsing import parse

PARENT = parse_spec({"preset": "tiny", "dataset": "sample", "name": "mine", "training": {"seed": 7}})


def fork(spec: dict[str, Any], **request: Any) -> Any:
    return forked_spec(PARENT, parse(ForkRequest, {"spec": spec, **request}))


def errors_of(spec: dict[str, Any], **request: Any) -> dict[str, tuple[str, Any]]:
    with pytest.raises(SpecError) as wrong:
        fork(spec, **request)
    return {error.field: (error.message, error.value) for error in wrong.value.errors}


def test_without_changes_it_is_the_parents() -> None:
    assert fork({}) == PARENT
    assert fork(PARENT.model_dump(mode="json")) == PARENT


def test_a_section_keeps_the_fields_that_do_not_change() -> None:
    spec = fork({"name": None, "training": {"learning_rate": 1e-3}, "model": {"drop_rate": 0.2}})
    assert (spec.name, spec.training.learning_rate, spec.training.seed) == (None, 1e-3, 7)
    assert (spec.model.drop_rate, spec.model.emb_dim) == (0.2, PARENT.model.emb_dim)


SHAPES = {
    "context_length": 128,
    "emb_dim": 128,
    "n_heads": 2,
    "n_layers": 3,
    "qkv_bias": True,
    "tie_weights": False,
    "initialization": "pytorch",
}


@pytest.mark.parametrize(("name", "asked"), SHAPES.items())
def test_what_the_weights_go_with_can_not_change(name: str, asked: object) -> None:
    (field, (message, value)), *others = errors_of({"model": {name: asked}}).items()
    parents = str(getattr(PARENT.model, name)).lower()
    assert (field, value, others) == (f"spec.model.{name}", asked, [])
    assert message.startswith("can't change in a fork")
    assert message.replace('"', "").endswith(f"it is {parents}")


def test_every_field_of_the_model_but_dropout_is_tried_above() -> None:
    assert SHAPES.keys() == set(type(PARENT.model).model_fields) - {"drop_rate"}


def test_tokenizer_and_preset_can_not_change() -> None:
    found = errors_of({"tokenizer": "bytes", "preset": "lecture"})
    assert found == {
        "spec.tokenizer": (
            "can't change in a fork: the checkpoint's weights go with it; it is \"gpt2\"",
            "bytes",
        ),
        "spec.preset": ("can't change in a fork, whose fields are the parent's; it is \"tiny\"", "lecture"),
    }


def test_everything_wrong_is_said_at_once_with_its_place_in_the_body() -> None:
    found = errors_of(
        {"model": {"emb_dim": 63, "depth": 2}, "training": {"learning_rate": 0}, "nobody": 1, "sampling": []}
    )
    assert found.keys() == {
        "spec.model.emb_dim",
        "spec.model.depth",
        "spec.training.learning_rate",
        "spec.nobody",
        "spec.sampling",
    }
    assert "it is 64" in found["spec.model.emb_dim"][0]


def test_another_optimizer_needs_a_start_from_the_weights_alone() -> None:
    muon = {"training": {"optimizer": "muon"}}
    (message, value) = errors_of(muon)["spec.training.optimizer"]
    assert "must be 'adamw'" in message
    assert "with_optimizer false" in message
    assert value == "muon"
    assert fork(muon, with_optimizer=False).training.optimizer == "muon"


def test_another_kind_of_validation_brings_its_split() -> None:
    apart = fork({"validation_dataset": "sample"})
    assert (apart.validation_dataset, apart.training.train_ratio) == ("sample", None)
    changes = parse(ForkRequest, {"spec": {"validation_dataset": None}})
    assert forked_spec(apart, changes).training.train_ratio == 0.9
    kept = parse(ForkRequest, {"spec": {"validation_dataset": "the-verdict"}})
    assert forked_spec(apart, kept).training.train_ratio is None
    both = {"validation_dataset": "sample", "training": {"train_ratio": 0.5}}
    assert errors_of(both).keys() == {"spec.training.train_ratio"}


@pytest.mark.parametrize("checkpoint", ["last", "best", 0, 12])
def test_a_checkpoint_is_named_or_a_step(checkpoint: object) -> None:
    assert parse(ForkRequest, {"checkpoint": checkpoint}).checkpoint == checkpoint


@pytest.mark.parametrize("checkpoint", ["first", "12", -1, 1.5, True, None, [], {}, 2**63])
def test_what_is_no_checkpoint_is_refused(checkpoint: object) -> None:
    with pytest.raises(SpecError) as wrong:
        parse(ForkRequest, {"checkpoint": checkpoint})
    (error,) = wrong.value.errors
    assert (error.field, error.value) == ("checkpoint", checkpoint)
    assert error.message == 'must be "last", "best" or the step of a checkpoint'
