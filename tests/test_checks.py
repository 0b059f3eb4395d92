"""`make check` can fail: each ban and each import contract is shown a violation."""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
SCRIPTS = Path(sysconfig.get_path("scripts"))
PACKAGES = ("api", "client", "jobs", "migrations", "model", "worker")


def apply_ban(source: str) -> subprocess.CompletedProcess[str]:
    """Run the ban on pickle, as the Makefile does, over `source` as if it were a file of the model."""
    options = ["--ignore-noqa", "--select", "TID251", "--stdin-filename", "model/banned.py", "-"]
    return subprocess.run(
        [SCRIPTS / "ruff", "check", *options],
        cwd=ROOT,
        input=source,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_makefile_applies_the_ban_without_excuses():
    assert "ruff check --quiet --ignore-noqa --select TID251\n" in (ROOT / "Makefile").read_text()


@pytest.mark.parametrize(
    "source",
    [
        "import pickle\n",
        "from pickle import loads\n",
        "import pickle  # noqa: TID251\n",
        "import torch\n\ntorch.load('weights.pt')\n",
        "import torch\n\ntorch.load('weights.pt', weights_only=True)  # noqa\n",
        "import torch as t\n\nread = t.load\n",
        "from torch import load\n",
        "from torch.serialization import load\n",
        "import torch\n\ntorch.save({}, 'weights.pt')\n",
        "from multiprocessing import Pipe\n",
        "def read():\n    import shelve\n\n    return shelve.open('jobs')\n",
    ],
)
def test_whatever_unpickles_is_refused(source):
    outcome = apply_ban(source)

    assert outcome.returncode == 1, outcome.stdout + outcome.stderr
    assert "is banned" in outcome.stdout


def test_safetensors_and_json_are_not_refused():
    outcome = apply_ban(
        "import json\n\nimport safetensors.torch\n\nsafetensors.torch.load_file('w')\njson.loads('{}')\n"
    )

    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@pytest.fixture
def source_tree(tmp_path):
    """A copy of what the import contracts look at."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", SCRIPTS / "lint-imports", "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("module", "imported", "contract"),
    [
        ("model", "jobs", "The model knows nothing of jobs, queues or HTTP"),
        ("model", "celery", "The model knows nothing of jobs, queues or HTTP"),
        ("jobs", "api", "The record knows nothing of those who use it"),
        ("jobs", "model.gpt", "The record knows only the torch-free part of the model"),
        ("jobs", "torch", "API, record and client never load torch"),
        ("api", "numpy", "API, record and client never load torch"),
        ("client", "safetensors", "API, record and client never load torch"),
        ("worker", "api", "API, worker and client never import each other"),
        ("jobs.store", "jobs.lifecycle", "The record's layers"),
        ("jobs.files", "jobs.broker", "The record's layers"),
        ("jobs.validation", "jobs.settings", "The record's layers"),
    ],
)
def test_an_import_the_wrong_way_breaks_its_contract(source_tree, module, imported, contract):
    (source_tree / module.replace(".", "/") / "intruder.py").write_text(f"import {imported}\n")

    outcome = lint_imports(source_tree)

    assert outcome.returncode == 1, outcome.stdout + outcome.stderr
    assert f"{contract} BROKEN" in outcome.stdout
    assert f"{module}.intruder -> {imported} " in outcome.stdout


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ('export const size = "a" * 2;\n', "TS2362"),
        ("/** @param {number} x */\nexport const f = (x) => x.length;\n", "TS2339"),
    ],
)
def test_a_module_of_the_page_with_wrong_types_is_refused(tmp_path, source, complaint):
    (tmp_path / "wrong.js").write_text(source)
    options = ["--config", ROOT / "deno.json", "--no-remote", "--no-npm"]
    environment = {"DENO_NO_UPDATE_CHECK": "1", "DENO_DIR": str(tmp_path / "deno"), "NO_COLOR": "1"}

    outcome = subprocess.run(
        [SCRIPTS / "deno", "check", *options, "wrong.js"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert outcome.returncode == 1, outcome.stdout + outcome.stderr
    assert complaint in outcome.stderr


@pytest.mark.parametrize("source", ["nowhere.act();\n", "eval(name);\n", "if (name == 1) close();\n"])
def test_a_module_of_the_page_that_breaks_its_rules_is_refused(tmp_path, source):
    (tmp_path / "wrong.js").write_text(source)
    command = [SCRIPTS / "oxlint", "--quiet", "--config", ROOT / ".oxlintrc.json", "wrong.js"]

    outcome = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert outcome.returncode == 1, outcome.stdout + outcome.stderr
