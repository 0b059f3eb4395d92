"""What the documents list is held against the code."""

import re
from pathlib import Path

import pytest
import yaml

from api.app import create_app
from client.commands.app import app as commands
from jobs.settings import Settings
from jobs.states import Status

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()
PATH = re.compile(r"`((?:api|benchmarks|client|docs|jobs|migrations|model|tests|worker)/[\w./-]+)`")


@pytest.mark.parametrize("document", ["ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_every_path_that_a_document_names_exists(document: str) -> None:
    paths = PATH.findall((ROOT / document).read_text())
    assert len(paths) > 5
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", Settings.model_fields)
def test_the_readme_lists_every_setting(name: str) -> None:
    assert f"`PRETRAIN_{name.upper()}`" in README


def test_the_readme_lists_every_route(tmp_path: Path) -> None:
    routes = {rule.rule for rule in create_app(Settings(data_dir=tmp_path)).url_map.iter_rules()}
    documented = {route for route in routes if not route.startswith(("/static", "/docs/"))} - {"/"}
    short = {re.sub("<(job|dataset|tokenizer)_id>", "<id>", route) for route in documented}
    missing = {
        route for route in short if route not in README and route.removeprefix("/jobs/<id>") not in README
    }
    assert missing == set()


def test_the_readme_lists_every_command() -> None:
    groups = [
        ("", commands),
        *((f"{group.name} ", group.typer_instance) for group in commands.registered_groups),
    ]
    for prefix, group in groups:
        assert group is not None
        for command in group.registered_commands:
            assert command.callback is not None
            assert f"`pretrain {prefix}{command.name or command.callback.__name__}" in README


@pytest.mark.parametrize("status", Status)
def test_the_architecture_says_who_writes_every_status(status: Status) -> None:
    assert f"| `{status}` |" in ARCHITECTURE


def test_the_gpu_file_gives_a_gpu_to_both_workers_that_compute_on_one() -> None:
    services, with_gpu = (
        yaml.safe_load((ROOT / name).read_text())["services"]
        for name in ("docker-compose.yml", "docker-compose.gpu.yml")
    )
    workers = {name for name, each in services.items() if each["image"] == "pretrain-worker"}
    assert with_gpu.keys() == workers - {"prepare"}
    for service in with_gpu.values():
        assert "gpu" in service["deploy"]["resources"]["reservations"]["devices"][0]["capabilities"]
