import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from client.errors import UsageError
from client.spec.build import build_spec
from jobs.spec.job_spec import JobSpec
from model.config import Section

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
        if isinstance(section, Section)
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


@pytest.mark.parametrize("suffix", [".json", ".toml", ".yaml"])
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
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


@pytest.mark.parametrize("text", ["", "# nothing set\n", "---\n"])
def test_an_empty_yaml_file_is_the_empty_spec(text: str, tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(text)
    assert build_spec(file, []) == {}
