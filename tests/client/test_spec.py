from pathlib import Path
from typing import Any

import pytest

from client.errors import UsageError
from client.spec import build_spec

SPEC = {"preset": "tiny", "training": {"learning_rate": 4e-4, "num_epochs": 2}}
FILES = {
    "spec.json": '{"preset": "tiny", "training": {"learning_rate": 4e-4, "num_epochs": 2}}',
    "spec.toml": 'preset = "tiny"\n[training]\nlearning_rate = 4e-4\nnum_epochs = 2\n',
    "spec.yaml": "preset: tiny\ntraining:\n  learning_rate: 4e-4\n  num_epochs: 2\n",
    "spec.yml": "{preset: tiny, training: {learning_rate: 4.0e-4, num_epochs: 2}}",
}


@pytest.mark.parametrize("name", FILES)
def test_each_format_gives_the_same_spec(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_text(FILES[name])
    assert build_spec(file, []) == SPEC


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("7", 7),
        ("true", True),
        ("null", None),
        ("[0.9, 0.95]", [0.9, 0.95]),
        ('"7"', "7"),
        ("cosine", "cosine"),
        ("a=b", "a=b"),
        ("", ""),
        ("NaN", "NaN"),
    ],
)
def test_a_set_value_is_json_or_else_a_string(text: str, value: Any) -> None:
    assert build_spec(None, [f"training.x={text}"]) == {"training": {"x": value}}


def test_later_assignments_win() -> None:
    assert build_spec(None, ["name=a", "name=b"]) == {"name": "b"}


@pytest.mark.parametrize("assignment", ["training.seed", "=7", "training..seed=7", ".seed=7"])
def test_an_assignment_without_a_field_or_a_value_is_refused(assignment: str) -> None:
    with pytest.raises(UsageError, match="field=value"):
        build_spec(None, [assignment])


def test_an_assignment_below_a_value_is_refused() -> None:
    with pytest.raises(UsageError, match="preset is a value"):
        build_spec(None, ["preset=tiny", "preset.size=1"])


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("spec.json", "{", "spec.json"),
        ("spec.json", '{"training": {"learning_rate": NaN}}', "NaN is not JSON"),
        ("spec.json", "[1]", "not a list"),
        ("spec.toml", "a =", "spec.toml"),
        ("spec.toml", "a = nan", "JSON"),
        ("spec.toml", "a = 2026-11-24", "JSON"),
        ("spec.yaml", "a: [", "spec.yaml"),
        ("spec.yaml", "a: !!python/object:os.system {}", "spec.yaml"),
        ("spec.txt", "{}", ".json, .toml or .yaml"),
    ],
)
def test_a_file_that_is_no_spec_is_refused_with_the_reason(
    name: str, text: str, message: str, tmp_path: Path
) -> None:
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(UsageError, match=message):
        build_spec(file, [])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"absent\.json"):
        build_spec(tmp_path / "absent.json", [])


def test_an_empty_yaml_file_is_the_empty_spec(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text("# nothing set\n")
    assert build_spec(file, []) == {}
