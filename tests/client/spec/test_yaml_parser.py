"""A spec in YAML."""

from pathlib import Path
from typing import Any

import pytest

from client.errors import UsageError
from client.spec.assignments import build_spec


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: 1\n---\nb: 2", "line 2, column 1: a second document begins here, and a spec is one"),
        ("? [a, b]\n: c", "line 1, column 3: a name must be text"),
        ("a: !mine b", "line 1, column 4: this tag is none that a spec may have"),
        ("!e!x a: 1", "line 1, column 1: this tag is none that a spec may have"),
        ("a: [", "line 1, column 5: a value is missing"),
        ("a: [1", "line 1, column 6: a comma or a ] is missing"),
        ("a: {b", "line 1, column 6: a comma or a } is missing"),
        ("a: 'x", "line 1, column 6: a text in quotes does not end"),
        ("a: @x", "line 1, column 4: a text that begins so must be in quotes"),
        ("a:\n\t- 1", "line 2, column 1: a tab: indent with spaces"),
        ("{a: 1}}", "line 1, column 7: more follows after its end"),
        ("- a\nb: 1", "line 2, column 1: this does not belong to what stands before: check the indentation"),
        ("a: 1\nb\nc: 2", "line 3, column 1: a colon is missing after a name"),
        ("a: &", "line 1, column 5: a name of letters and digits is missing"),
        ("a: |x\n b", "line 1, column 5: the text must begin on the next line"),
        ("a: &x 1\nb: &x 2", "line 2, column 4: another anchor (&) has this name"),
        ("<<: 1", "line 1, column 5: only mappings can be merged"),
        ("a: !!map x", "line 1, column 4: a tag does not suit what it stands before"),
        ("%YAML 3.0\n---\na: 1", "line 1, column 1: only version 1 of YAML can be read"),
        ("%TAG ! a\n%TAG ! b\n---\n1", "line 2, column 1"),
    ],
)
def test_what_is_wrong_in_yaml_is_told_in_plain_words(text: str, reason: str, tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(text)
    with pytest.raises(UsageError) as refusal:
        build_spec(file, [])
    assert str(refusal.value) == f"{file}: is not YAML at {reason}"


def test_an_alias_stands_for_what_it_names_each_time_by_itself(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text("model: &m {emb_dim: 64}\nother: {<<: *m, n_heads: 2, emb_dim: 32}\nagain: *m\n")
    assert build_spec(file, ["model.emb_dim=128"]) == {
        "model": {"emb_dim": 128},
        "other": {"emb_dim": 32, "n_heads": 2},
        "again": {"emb_dim": 64},
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4e-4", 4e-4), ("4.0e-4", 4e-4), (".5", 0.5), ("1.", 1.0), ("010", 10), ("0o10", 8), ("0x1F", 31),
        ("+7", 7), ("-1", -1), ("2026-11-24", "2026-11-24"), ("12:30", "12:30"), ("no", "no"), ("on", "on"),
        ("1_000", "1_000"), ("true", True), ("False", False), ("~", None), ("", None), ("null", None),
        ("'7'", "7"), ("1e", "1e"), ("=", "="),
    ],
)  # fmt: skip
def test_yaml_is_read_as_version_1_2_does(text: str, value: Any, tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(f"a: {text}\n")
    [read] = build_spec(file, []).values()
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize("text", ["", "# nothing set\n", "---\n"])
def test_an_empty_yaml_file_is_the_empty_spec(text: str, tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(text)
    assert build_spec(file, []) == {}
