"""What stands in an ejected job's files."""

import json
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch

from api.eject.script import KNOWN_FIELDS, NotEjectable, check_known, pinned, readme, train_script
from jobs.spec.job_spec import JobSpec
from jobs.spec.parsing import parse_spec
from model.config import Distribution, Run, TrainingConfig
from model.tokenizers import gpt2_ranks, tiktoken_lines
from tests.api.eject.ejecting import eject, stored, tiny_spec, tokenizer_of

BRANCHES: list[tuple[str, str, list[Any]]] = [
    ("model", "tie_weights", [False, True]),
    ("model", "qkv_bias", [False, True]),
    ("model", "drop_rate", [0.1, 0.0]),
    ("training", "numerics", ["reference", "float32", "bfloat16"]),
    ("training", "optimizer", ["adamw", "muon"]),
    ("training", "grad_accumulation", [1, 3]),
    ("training", "lr_schedule", ["constant", "linear", "cosine"]),
    ("training", "warmup_steps", [0, 4]),
    ("training", "grad_clip", [None, 1.0]),
    ("training", "max_steps", [None, 7]),
    ("training", "early_stopping_patience", [None, 2]),
    ("evaluation", "eval_iter", [2, None]),
    ("sampling", "start_context", ["Every effort", ["Every effort", 'a "word"']]),
    ("sampling", "every_epochs", [1, None, 2]),
    ("sampling", "every_steps", [None, 3]),
    ("sampling", "temperature", [0.0, 0.7]),
    ("sampling", "top_k", [None, 5]),
    ("sampling", "top_p", [None, 0.9]),
]
CHECK = [sys.executable, "-m", "ruff", "--quiet", "--isolated"]


def specs() -> list[JobSpec]:
    """Each branch with and without every other one, in pairs."""
    chosen: list[dict[tuple[str, str], Any]] = []
    for (one, (section, field, values)), (other, (section2, field2, values2)) in product(
        enumerate(BRANCHES), repeat=2
    ):
        if one < other:
            chosen += [
                {(section, field): value, (section2, field2): value2}
                for value, value2 in product(values, values2)
            ]
    chosen.append({(section, field): values[-1] for section, field, values in BRANCHES})
    result = []
    for number, fields in enumerate(chosen):
        sections: dict[str, Any] = {"tokenizer": ["bytes", "gpt2", "tokenizer-0123456789abcdef"][number % 3]}
        for (section, field), value in fields.items():
            sections.setdefault(section, {})[field] = value
        result.append(tiny_spec(**sections))
    return result


def script_of(spec: JobSpec, start_bytes: int = 0, content: bytes = b"") -> str:
    return train_script(*stored(spec, content, start_bytes), spec, tokenizer_of(spec))


@pytest.mark.slow
def test_whatever_the_spec_is_the_script_has_nothing_unused_undefined_or_unformatted(tmp_path: Path) -> None:
    every = specs()
    assert len(every) > 300
    for number, spec in enumerate(every):
        documents = b"a\0" * (number % 3)
        (tmp_path / f"script_{number}.py").write_text(script_of(spec, 0, documents), encoding="utf-8")
    options = ["--target-version", "py311", "--line-length", "110", str(tmp_path)]
    checked = subprocess.run(
        [*CHECK, "check", "--select", "E,F,W,I,PLW,B", "--ignore", "B905", *options],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout[:3000]
    formatted = subprocess.run(
        [*CHECK, "format", "--diff", "--target-version", "py311", "--line-length", "110", str(tmp_path)],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert formatted.returncode == 0, formatted.stdout[:3000]


UNUSED = [
    *("Dropout", "DROP_RATE", "tiktoken", "DataLoader", "autocast", "GRAD_CLIP", "Muon", "PATIENCE"),
    *("learning_rate(", "def draw", "def initialise", "GRAD_ACCUMULATION", "MAX_STEPS"),
]


def test_a_branch_that_the_spec_does_not_use_is_left_out() -> None:
    plain = script_of(tiny_spec(model={"drop_rate": 0.0}, training={"numerics": "float32"}))
    assert [name for name in UNUSED if name in plain] == []


@pytest.mark.parametrize(
    "context",
    ["'''\"\"\"\\\n{{ 1 }} {% if x %} \u2028 \x07 ünï 👍", "plain", "it's", 'a "word"', "\\", "\u202e"],
)
def test_a_text_cannot_break_out_of_the_script(context: str) -> None:
    spec = tiny_spec(sampling={"start_context": context})
    found: dict[str, Any] = {}
    line = next(line for line in script_of(spec).split("\n") if line.startswith("START_CONTEXT"))
    exec(line, found)
    assert found["START_CONTEXT"] == context


def test_the_lectures_job_is_written_out_with_its_numbers() -> None:
    script = script_of(parse_spec({"training": {"numerics": "reference"}}))
    for line in (
        "CONTEXT_LENGTH = 256",
        "EMB_DIM = 768",
        "LEARNING_RATE = 0.0004",
        "DROP_RATE = 0.1",
        "SEED = 123",
    ):
        assert f"\n{line}" in script
    assert "to the last digit" in script


def test_the_readme_says_what_to_install_and_how_exact_it_is() -> None:
    spec = tiny_spec(name="my\n# job", training={"numerics": "reference"})
    text = readme(*stored(spec, b"", 0), spec, tokenizer_of(spec))
    assert text.startswith("# my # job\n")
    assert "pip install torch==" in text
    assert "tiktoken" not in text
    assert "to the last digit" in text
    other = tiny_spec(tokenizer="gpt2", training={"numerics": "bfloat16"}, model={"drop_rate": 0.0})
    text = readme(*stored(other, b"", 0), other, tokenizer_of(other))
    assert "'tiktoken<" in text
    assert "to about 0.02" in text


def test_the_version_of_torch_is_the_services_own() -> None:
    assert pinned("torch") == f"torch=={torch.__version__.partition('+')[0]}"


def test_every_field_of_a_run_is_written_out_or_refused() -> None:
    sections = {name: set(type(getattr(Run(), name)).model_fields) for name in KNOWN_FIELDS}
    assert sections == KNOWN_FIELDS, (
        "write the new field out in api/eject/templates, or leave it to be refused"
    )


def test_a_field_that_is_not_written_out_is_refused_if_it_is_used() -> None:
    class Averaging(TrainingConfig):
        ema_decay: float | None = None

    check_known(Run(training=Averaging()))
    with pytest.raises(NotEjectable, match=r"training\.ema_decay is not supported yet"):
        check_known(Run(training=Averaging(ema_decay=0.9)))


def test_a_text_of_its_own_to_validate_on_is_refused() -> None:
    with pytest.raises(NotEjectable, match="validation_dataset is not supported yet"):
        script_of(tiny_spec(validation_dataset="sample"))


def test_the_readme_says_how_many_documents_there_are() -> None:
    spec = tiny_spec()
    assert "3 documents, each of which ends with the character 0" in readme(
        *stored(spec, b"a\0" * 3, 0), spec, tokenizer_of(spec)
    )


def test_the_tokens_are_tiktokens_own_file() -> None:
    lines = tiktoken_lines(gpt2_ranks()).splitlines()
    assert len(lines) == 50_256
    assert lines[0] == "IQ== 0"


def test_the_files_are_there_once_and_the_spec_can_be_posted_again(tmp_path: Path) -> None:
    spec = tiny_spec()
    folder = eject(spec, tmp_path / "job", text="some text")
    assert {entry.name for entry in folder.iterdir()} - {"stored"} == {
        "README.md", "train.py", "spec.json", "text.txt",
    }  # fmt: skip
    assert (folder / "text.txt").read_text() == "some text"
    assert parse_spec(json.loads((folder / "spec.json").read_text())) == spec


def test_the_distribution_of_samples_is_known() -> None:
    assert set(Distribution.model_fields) <= KNOWN_FIELDS["sampling"]
