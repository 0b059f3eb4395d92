"""What the documents list is held against the code."""

import re
from pathlib import Path

import pytest

from api.app import create_app
from api.monitoring.registry import REGISTRY
from api.monitoring.stored_figures import families
from client import Pretrain
from client.api.resource import Resource
from client.commands.app import app as commands
from docs.generator.__main__ import FILES
from jobs.lifecycle.figures import Figures
from jobs.settings import Settings
from jobs.states import Status
from tests.docs.blocks import blocks_of
from tests.docs.documents import GUIDES, NOT_RUN, OPEN, OTHERS, POSTGRESQL, WITH_TOKENS

ROOT = Path(__file__).parents[1]
MONITORING = (ROOT / "docs" / "monitoring.md").read_text()
METRIC = re.compile(r"`(\w+)`")
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()
PATH = re.compile(r"`((?:api|benchmarks|client|docs|jobs|migrations|model|tests|worker)/[\w./-]+)`")


@pytest.mark.parametrize("document", ["ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_every_path_that_a_document_names_exists(document: str) -> None:
    paths = PATH.findall((ROOT / document).read_text())
    assert len(paths) > 5
    assert [path for path in paths if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", FILES)
def test_what_follows_from_the_code_is_current(name: str) -> None:
    assert (ROOT / name).read_text() == FILES[name](), "make docs"


def test_every_link_from_one_document_to_another_leads_to_a_file() -> None:
    for file in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", file.read_text())
        assert [link for link in links if not (file.parent / link).exists()] == [], file


def test_every_link_of_the_reference_leads_to_a_heading() -> None:
    for file in (ROOT / "docs" / "reference").glob("*.md"):
        text = file.read_text()
        headings = {anchor(heading) for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}
        links = set(re.findall(r"\]\(#([^)]*)\)", text))
        assert links <= headings, file.name


def anchor(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-")


def test_the_reference_has_every_command_route_setting_and_method(tmp_path: Path) -> None:
    pages = ("cli", "http", "python", "settings")
    cli, http, python, settings = ((ROOT / f"docs/reference/{page}.md").read_text() for page in pages)
    groups = [
        ("", commands),
        *((f"{group.name} ", group.typer_instance) for group in commands.registered_groups),
    ]
    for prefix, group in groups:
        assert group is not None
        for command in group.registered_commands:
            assert command.callback is not None
            assert f"## `pretrain {prefix}{command.name or command.callback.__name__}`" in cli
    for path in create_app(Settings(data_dir=tmp_path)).api_doc["paths"]:
        assert f"{path}`" in http
    for name in Settings.model_fields:
        assert f"`PRETRAIN_{name.upper()}`" in settings
    with Pretrain("http://localhost") as pretrain:
        resources = {name: value for name, value in vars(pretrain).items() if isinstance(value, Resource)}
        assert len(resources) == 6
        for name, resource in resources.items():
            for method in dir(resource):
                if not method.startswith("_"):
                    assert f"`pretrain.{name}.{method}`" in python


def test_the_page_on_monitoring_lists_every_metric_and_no_other() -> None:
    figures = Figures(jobs={}, queues={}, workers={}, running=[], webhooks={}, pending_deliveries=0)
    served = {
        f.name + "_total" * (f.type == "counter") + "_info" * (f.type == "info") for f in REGISTRY.collect()
    }
    served |= {family.name for family in families(figures)} | {"pretrain_database_up"}
    tables = [line for line in MONITORING.splitlines() if line.startswith("| `")]
    assert {name for line in tables for name in METRIC.findall(line.split("|")[1])} == served


@pytest.mark.parametrize("status", Status)
def test_the_architecture_says_who_writes_every_status(status: Status) -> None:
    assert f"| `{status}` |" in ARCHITECTURE


def test_every_document_with_commands_is_tested() -> None:
    assert sorted([*OPEN, *WITH_TOKENS, *OTHERS]) == GUIDES


@pytest.mark.parametrize("name", GUIDES)
def test_a_block_is_run_or_its_mark_says_why_not(name: str) -> None:
    blocks = blocks_of(ROOT / name)
    assert {block.mark for block in blocks} - {"", POSTGRESQL} <= NOT_RUN.keys()


def test_every_mark_is_used() -> None:
    marks = {block.mark for name in GUIDES for block in blocks_of(ROOT / name)}
    assert marks == {"", POSTGRESQL, *NOT_RUN}
