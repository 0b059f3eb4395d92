"""A spec in a file, of any format."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from client.errors import UsageError
from client.spec.assignments import build_spec
from tests.sweeps import examples

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


LAUGHS = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 10)}]\n"
    for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)


MERGES = "a: &a {x: 1}\n" + "".join(
    f"{name}: &{name} {{<<: [{', '.join(['*' + before] * 10)}]}}\n"
    for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("spec.json", "{", "is not JSON at line 1, column 2: a name in double quotes is missing"),
        ("spec.json", "", "is not JSON at line 1, column 1: a value is missing"),
        ("spec.json", '{"a": 1,\n "b" 2}', "is not JSON at line 2, column 6: a colon is missing"),
        ("spec.json", '{"a": 1 "b": 2}', "a comma or a closing bracket is missing"),
        ("spec.json", '{"a": "x', "the text that begins here does not end"),
        ("spec.json", '{"a": "x\ty"}', "a text has a control character"),
        ("spec.json", '{"a": "\\x"}', "a backslash begins no escape"),
        ("spec.json", "{} {}", "more follows after its end"),
        ("spec.json", '{"training": {"learning_rate": NaN}}', "NaN is not JSON"),
        ("spec.json", '{"a": 1e999}', "'1e999' is not JSON, which has only finite numbers"),
        ("spec.json", '{"a": ' + "9" * 5000 + "}", "a number has 5,000 digits, more than 1,000"),
        ("spec.json", "[1]", "not a list"),
        ("spec.json", "1", "not a value"),
        ("spec.json", "null", "a spec is a mapping of fields, not a value"),
        ("spec.yaml", "null", "a spec is a mapping of fields, not a value"),
        ("spec.yaml", "~", "a spec is a mapping of fields, not a value"),
        ("spec.json", '{"training": {"seed": 1, "seed": 2}}', "the name 'seed' stands twice in one object"),
        ("spec.json", '{"a": ' + "[" * 100_000, "nests deeper than 32 levels"),
        ("spec.json", '{"a": ' + "[" * 40 + "]" * 40 + "}", "nests deeper than 32 levels"),
        ("spec.json", '{"a": [' + "1," * 1000 + "1]}", "has more than 1,000 values"),
        ("spec.json", "{}" + " " * 2**20, "has more than 1,048,576 bytes"),
        ("spec.toml", "a =", "is not TOML at line 1, column 4: a value is missing"),
        ("spec.toml", "a = [1", "is not TOML at line 1, column 7: a ] is missing"),
        ("spec.toml", "a 1", "an = is missing after a name"),
        ("spec.toml", "a = 1\na = 2", "is not TOML at line 2, column 6: a name stands twice"),
        ("spec.toml", "[a]\n[a]", "a name stands twice"),
        ("spec.toml", "[a]\nb = 1\n[a.b]", "a name stands twice"),
        ("spec.toml", "a = nan", "'nan' is not JSON, which has only finite numbers"),
        (
            "spec.toml",
            "training.x = 2026-11-24",
            "training.x: JSON has no such value: if it is meant as text",
        ),
        ("spec.toml", "a = 12:30:00", "JSON has no such value"),
        ("spec.toml", "a = " + "9" * 5000, "digits"),
        ("spec.toml", "a = 0x" + "f" * 5000, "a: a number has more than 1,000 digits"),
        ("spec.toml", "a = " + "[" * 100_000, "nests deeper than 32 levels"),
        ("spec.yaml", "a: [", "is not YAML at line 1, column 5"),
        ("spec.yaml", "a: 1\n b: 2", "is not YAML at line 2, column 3: a colon is not allowed here: "),
        ("spec.yaml", "a: 1\na: 2", "at line 2, column 1: the name 'a' stands twice"),
        ("spec.yaml", "training: {seed: 1, seed: 2}", "at line 1, column 21: the name 'seed' stands twice"),
        ("spec.yaml", "1: 2", "the name 1 must be text: write it in quotes"),
        ("spec.yaml", "metadata: {2024-11-24: x, null: y}", "metadata: the name null must be text"),
        ("spec.yaml", "? [a, b]\n: c", "is not YAML"),
        ("spec.yaml", "- a", "not a list"),
        ("spec.yaml", "a: 1\n---\nb: 2", "is not YAML"),
        ("spec.yaml", "a: .nan", "is not JSON, which has only finite numbers"),
        ("spec.yaml", "a: " + "9" * 5000, "a number has 5,000 digits"),
        ("spec.yaml", "a: !!python/object:os.system {}", "is not YAML"),
        ("spec.yaml", "a: !!timestamp 2026-11-24", "a: JSON has no such value"),
        ("spec.yaml", "a: !!timestamp yesterday", "a tag does not suit what it stands before"),
        ("spec.yaml", "a: !!int seven", "a tag does not suit what it stands before"),
        ("spec.yaml", "a: !!binary aGk=", "a: JSON has no such value"),
        ("spec.yaml", "a: !!set {x}", "a: JSON has no such value"),
        ("spec.yaml", "a: &x [*x]", "it holds itself"),
        (
            "spec.yaml",
            "a: *x",
            "is not YAML at line 1, column 4: no anchor (&) before it has the name of this alias (*)",
        ),
        ("spec.yaml", "a: \x07", "it has the character U+0007"),
        ("spec.yaml", LAUGHS, "has more than 1,000 values"),
        ("spec.yaml", MERGES, "has more than 1,000 values"),
        ("spec.yaml", "a: " + "[" * 100_000, "nests deeper than 32 levels"),
        ("spec.yaml", "a:\n" + "- 1\n" * 100_000, "has more than 1,000 values"),
        ("spec.txt", "{}", ".json, .toml or .yaml"),
        ("spec", "{}", ".json, .toml or .yaml"),
    ],
    ids=lambda value: value[:30],
)
def test_a_file_that_is_no_spec_is_refused_with_the_reason(
    name: str, text: str, message: str, tmp_path: Path
) -> None:
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(UsageError, match=re.escape(message)) as refusal:
        build_spec(file, [])
    assert str(refusal.value).startswith(f"{file}: ")
    assert len(str(refusal.value)) < 500


@pytest.mark.parametrize("suffix", [".json", ".toml", ".yaml"])
@settings(max_examples=examples(150), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.binary(max_size=60)
    | st.text(alphabet='{}[]",:=&*<!|>-#%@ \n\t01e.+xabnull~', max_size=40).map(str.encode)
)
def test_any_file_is_a_spec_or_refused_in_words(suffix: str, content: bytes, tmp_path: Path) -> None:
    file = tmp_path / f"spec{suffix}"
    file.write_bytes(content)
    try:
        spec = build_spec(file, [])
    except UsageError:
        return
    assert spec == json.loads(json.dumps(spec, allow_nan=False))


@pytest.mark.parametrize("name", FILES)
def test_a_byte_order_mark_in_a_spec_is_accepted(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_text("\ufeff" + FILES[name], encoding="utf-8")
    assert build_spec(file, []) == SPEC


@pytest.mark.parametrize(("encoding", "named"), [("utf-16", "UTF-16"), ("cp1252", "CP1252")])
def test_a_spec_in_another_encoding_is_told_which(encoding: str, named: str, tmp_path: Path) -> None:
    file = tmp_path / "spec.json"
    file.write_text('{"name": "schöne Märchen für Kinder"}', encoding=encoding)
    with pytest.raises(UsageError, match=f"iconv -f {named} -t UTF-8"):
        build_spec(file, [])


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "zeros.json").symlink_to("/dev/zero")
    for name, message in [("folder.json", "is a folder"), ("zeros.json", "has more than 1,048,576 bytes")]:
        with pytest.raises(UsageError, match=message):
            build_spec(tmp_path / name, [])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"absent\.json"):
        build_spec(tmp_path / "absent.json", [])
