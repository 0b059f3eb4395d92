"""`--set`."""

import re
from typing import Any

import pytest
from pydantic import ValidationError

from client.errors import UsageError
from client.spec.assignments import build_spec
from jobs.spec.job_spec import JobSpec
from model.config import StrictModel


@pytest.mark.parametrize(
    ("assignment", "spec"),
    [
        ("training.learning_rate=1e-3", {"training": {"learning_rate": 1e-3}}),
        ("training.learning_rate=1", {"training": {"learning_rate": 1}}),
        ("training.max_steps=7", {"training": {"max_steps": 7}}),
        ("training.max_steps=null", {"training": {"max_steps": None}}),
        ("training.compile=true", {"training": {"compile": True}}),
        ("training.betas=[0.9, 0.95]", {"training": {"betas": [0.9, 0.95]}}),
        ("training.lr_schedule=cosine", {"training": {"lr_schedule": "cosine"}}),
        ("training.numerics=1", {"training": {"numerics": "1"}}),
        ('training={"seed": 1}', {"training": {"seed": 1}}),
        ("training.seed=many", {"training": {"seed": "many"}}),
        ('training.seed="7"', {"training": {"seed": "7"}}),
        ("name=2024", {"name": "2024"}),
        ("name=true", {"name": "true"}),
        ("name=1e5", {"name": "1e5"}),
        ("name=[draft]", {"name": "[draft]"}),
        ("name={}", {"name": "{}"}),
        ("name=null", {"name": None}),
        ('name="null"', {"name": "null"}),
        ('name="a \\"b\\""', {"name": 'a "b"'}),
        ("name=a=b", {"name": "a=b"}),
        ("name=", {"name": ""}),
        ("name=NaN", {"name": "NaN"}),
        ("dataset=null", {"dataset": "null"}),
        ("start_from.model=model-1", {"start_from": {"model": "model-1"}}),
        ("start_from.checkpoint=best", {"start_from": {"checkpoint": "best"}}),
        ("start_from.checkpoint=40", {"start_from": {"checkpoint": 40}}),
        ("start_from=null", {"start_from": None}),
        ("metadata.year=2024", {"metadata": {"year": "2024"}}),
        ("metadata.année=null", {"metadata": {"année": "null"}}),
        ("metadata.git.commit=0123", {"metadata": {"git.commit": "0123"}}),
        ('metadata={"year": "2024"}', {"metadata": {"year": "2024"}}),
        ("sampling.start_context=2024", {"sampling": {"start_context": "2024"}}),
        # Nobody here knows these: JSON, or else text.
        ("training.newer=1", {"training": {"newer": 1}}),
        ("training.newer=on", {"training": {"newer": "on"}}),
        ("newer.section.x=null", {"newer": {"section": {"x": None}}}),
    ],
)
def test_a_set_value_is_text_where_the_field_is_text_and_else_json(
    assignment: str, spec: dict[str, Any]
) -> None:
    assert build_spec(None, [assignment]) == spec


def test_every_text_field_takes_a_number_as_text() -> None:
    """Of all fields: what the spec's own check takes as text, `--set` gives as text."""
    fields = [(name,) for name in JobSpec.model_fields]
    fields += [
        (name, inner)
        for name, section in JobSpec()
        if isinstance(section, StrictModel)
        for inner in dict(section)
    ]
    texts = {path for path in fields if accepted(path, "as text") == "as text"}
    assert {("name",), ("dataset",), ("tokenizer",), ("sampling", "start_context")} <= texts
    for path in texts:
        spec = build_spec(None, [f"{'.'.join(path)}=2024"])
        assert value_at(spec, path) == "2024"


def accepted(path: tuple[str, ...], value: Any) -> Any:
    """The value, if the spec takes it there."""
    spec: dict[str, Any] = {path[-1]: value}
    for name in reversed(path[:-1]):
        spec = {name: spec}
    try:
        return value_at(JobSpec.model_validate(spec).model_dump(), path)
    except ValidationError:
        return None


def value_at(tree: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        tree = tree[name]
    return tree


@pytest.mark.parametrize(
    "assignments",
    [
        ["name=a", "name=b"],
        ["name=a", "name=a"],
        ["training.seed=1", "training.num_epochs=2", "training.seed=3"],
        ["training.seed=1", 'training={"seed": 1}'],
        ['training={"seed": 1}', "training.seed=2"],
        ["metadata.a.b=1", "metadata.a.b=2"],
    ],
)
def test_a_field_that_is_set_twice_is_refused(assignments: list[str]) -> None:
    with pytest.raises(UsageError, match="is set twice"):
        build_spec(None, assignments)


def test_parts_may_be_set_beside_each_other() -> None:
    assert build_spec(
        None, ['training={"seed": 1}', "training.num_epochs=2", "metadata.a.b=1", "metadata.a=2"]
    ) == {
        "training": {"seed": 1, "num_epochs": 2},
        "metadata": {"a.b": "1", "a": "2"},
    }


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ('training={"seed": 1, "seed": 2}', "'seed' stands twice"),
        ("training.betas=[0.9, NaN]", "NaN is not JSON"),
        ("training.betas=[0.9", "is not JSON at line 1, column 5: a comma or a closing bracket is missing"),
        ("training.betas=" + "[" * 100_000, "nests too deep"),
    ],
)
def test_a_set_value_that_begins_as_json_and_is_none_is_refused(assignment: str, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)) as refusal:
        build_spec(None, [assignment])
    assert len(str(refusal.value)) < 500


@pytest.mark.parametrize("assignment", ["training.seed", "=7", "training..seed=7", ".seed=7"])
def test_an_assignment_without_a_field_or_a_value_is_refused(assignment: str) -> None:
    with pytest.raises(UsageError, match="field=value"):
        build_spec(None, [assignment])


def test_an_assignment_below_a_value_is_refused() -> None:
    with pytest.raises(UsageError, match="preset is a value"):
        build_spec(None, ["preset=tiny", "preset.size=1"])
