"""models add, models list, show, rm"""

import json
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest

from tests.client.conftest import Command
from tests.client.hub import running_hub
from tests.client.service import FakeService

PREPARING = {"id": "model-1", "name": "gpt2", "status": "preparing", "fraction": 0.0}
READY = {
    **PREPARING,
    "status": "ready",
    "fraction": 1.0,
    "parameters": 124_439_808,
    "tokenizer": "gpt2",
    "bytes": 497_759_232,
    "model": {"context_length": 1024, "tie_weights": True},
}
HEADER = b"\x02" + bytes(7) + b"{}"
SHARDS = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a model as hubs have it, and what does not belong to it."""
    folder = tmp_path / "gpt2"
    folder.mkdir()
    for name in ("config.json", "tokenizer.json", "generation_config.json", "README.md"):
        (folder / name).write_bytes(name.encode())
    (folder / "model.safetensors").write_bytes(HEADER + b"x" * 600_000)
    (folder / "pytorch_model.bin").write_bytes(b"PK")
    return folder


def parts_of(service: FakeService) -> dict[str, bytes]:
    """The files of the form that was sent."""
    sent = service.sent("POST", "/models")
    message = BytesParser().parsebytes(
        b"Content-Type: " + sent.headers["Content-Type"].encode() + b"\r\n\r\n" + sent.body
    )
    assert sent.headers["Content-Length"] == str(len(sent.body))
    parts: Any = message.get_payload()
    return {part.get_filename(): part.get_payload(decode=True) for part in parts}


def test_models_add_sends_what_of_a_folder_belongs_to_the_model_and_waits(
    service: FakeService, pretrain: Command, folder: Path
) -> None:
    service.respond("POST", "/models", PREPARING, 202)
    service.respond("GET", "/models/model-1", PREPARING)
    service.respond("GET", "/models/model-1", READY)
    outcome = pretrain("models", "add", folder, "--url", service.url)
    assert (outcome.status, outcome.out) == (0, "model-1\n"), outcome.err
    assert service.sent("POST", "/models").query == {"name": "gpt2"}
    names = {"config.json", "tokenizer.json", "generation_config.json", "model.safetensors"}
    assert parts_of(service) == {name: (folder / name).read_bytes() for name in names}


def test_models_add_takes_files_and_a_name_and_need_not_wait(
    service: FakeService, pretrain: Command, folder: Path
) -> None:
    service.respond("POST", "/models", PREPARING, 202)
    files = [folder / "config.json", folder / "model.safetensors"]
    outcome = pretrain("models", "add", *files, "--name", "mine", "--no-wait", "--json", "--url", service.url)
    assert json.loads(outcome.out) == PREPARING
    assert service.sent("POST", "/models").query == {"name": "mine"}
    assert set(parts_of(service)) == {"config.json", "model.safetensors"}


def test_models_add_sends_shards_with_their_index(
    service: FakeService, pretrain: Command, folder: Path
) -> None:
    service.respond("POST", "/models", READY, 202)
    (folder / "model.safetensors").unlink()
    for name in SHARDS:
        (folder / name).write_bytes(HEADER)
    missing = pretrain("models", "add", folder, "--url", service.url)
    assert (missing.status, service.requests) == (2, [])
    assert "model.safetensors.index.json must be given with shards" in missing.err
    (folder / "model.safetensors.index.json").write_text("{}")
    assert pretrain("models", "add", folder, "--url", service.url).status == 0
    assert set(parts_of(service)) >= {*SHARDS, "model.safetensors.index.json"}


def test_a_model_that_can_not_be_imported_fails_the_command_with_the_reason(
    service: FakeService, pretrain: Command, folder: Path
) -> None:
    service.respond("POST", "/models", PREPARING, 202)
    service.respond(
        "GET", "/models/model-1", {**PREPARING, "status": "failed", "error": "config.json: n_inner"}
    )
    outcome = pretrain("models", "add", folder, "--url", service.url)
    assert (outcome.status, outcome.out) == (1, "")
    assert "model-1 could not be imported: config.json: n_inner" in outcome.err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "model.safetensors").unlink(), "pytorch_model.bin: pickles run code"),
        (lambda folder: (folder / "config.json").unlink(), "config.json must be given"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"PK\3\4"), "is a ZIP archive"),
    ],
)
def test_what_can_be_no_model_is_told_before_anything_is_sent(
    service: FakeService, pretrain: Command, folder: Path, change: Any, message: str
) -> None:
    change(folder)
    outcome = pretrain("models", "add", folder, "--url", service.url)
    assert (outcome.status, service.requests) == (2, [])
    assert message in outcome.err


def test_a_file_that_is_not_there_is_wrong_usage(
    service: FakeService, pretrain: Command, tmp_path: Path
) -> None:
    outcome = pretrain("models", "add", tmp_path / "model.safetensors", "--url", service.url)
    assert (outcome.status, service.requests) == (2, [])
    assert "there is no such file" in outcome.err


def test_a_name_that_is_no_folder_is_fetched_from_the_hub(
    service: FakeService, pretrain: Command, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.respond("POST", "/models", READY, 202)
    files = {file.name: file.read_bytes() for file in folder.iterdir()}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    with running_hub("openai-community/gpt2", files) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        outcome = pretrain("models", "add", "openai-community/gpt2", "--url", service.url)
        assert (outcome.status, outcome.out) == (0, "model-1\n"), outcome.err
        unknown = pretrain("models", "add", "nobody/nothing", "--url", service.url)
    assert service.sent("POST", "/models").query == {"name": "openai-community/gpt2"}
    sent = parts_of(service)
    assert sent == {
        name: content for name, content in files.items() if name not in ("README.md", "pytorch_model.bin")
    }
    assert not list((tmp_path / "cache").rglob("pytorch_model.bin"))
    assert unknown.status == 1
    assert "nobody/nothing: is no file here, and could not be fetched from the hub" in unknown.err


def test_models_are_listed_shown_and_deleted(service: FakeService, pretrain: Command) -> None:
    service.respond_with_list("/models", [READY, {**PREPARING, "id": "model-2", "fraction": 0.5}])
    listed = pretrain("models", "list", "--url", service.url).out
    assert "model-1" in listed
    assert "124,439,808" in listed
    assert "preparing, 50%" in listed
    service.respond("GET", "/models/model-1", READY)
    shown = pretrain("models", "show", "model-1", "--url", service.url).out
    assert "context length   1024" in shown
    assert "497.8 MB" in shown
    service.respond("DELETE", "/models/model-1", None, 204)
    removed = pretrain("models", "rm", "model-1", "--url", service.url)
    assert (removed.status, removed.err) == (0, "Deleted model-1.\n")
    assert service.sent("DELETE", "/models/model-1")
