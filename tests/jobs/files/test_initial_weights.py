"""A job's own copy of the checkpoint that it starts from."""

import errno
import json
import os
from pathlib import Path

import pytest

from jobs.files import initial_weights
from jobs.files.checkpoint_files import CheckpointFilesLost
from jobs.files.initial_weights import initial_position, link_checkpoint

WEIGHTS, TRAINING, MANIFEST = "weights.safetensors", "training.safetensors", "checkpoint.json"
TOKENIZER = "tokenizer.json"
POSITION = {"step": 7, "epoch": 2, "batch": 1, "tokens_seen": 900}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A checkpoint, as far as the record reads it."""
    folder = tmp_path / "parent"
    folder.mkdir()
    contents = {WEIGHTS: b"w" * 100, TRAINING: b"t" * 200}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    files = {name: {"bytes": len(content)} for name, content in contents.items()}
    (folder / MANIFEST).write_text(json.dumps({"files": files, "position": POSITION}))
    return folder


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_files_are_links_that_outlive_the_checkpoint(source: Path, tmp_path: Path) -> None:
    job = tmp_path / "job"
    size = sum(file.stat().st_size for file in source.iterdir())
    assert link_checkpoint(source, job) == size
    assert names(job) == {"initial"}
    assert names(job / "initial") == {WEIGHTS, TRAINING, MANIFEST}
    for file in source.iterdir():
        assert os.path.samefile(file, job / "initial" / file.name)
        file.unlink()
    assert (job / "initial" / WEIGHTS).read_bytes() == b"w" * 100
    assert initial_position(job) == {"step": 7, "epoch": 2, "tokens_seen": 900}


def test_without_the_optimizer_its_state_is_left_out(source: Path, tmp_path: Path) -> None:
    (source / TRAINING).unlink()
    link_checkpoint(source, tmp_path / "job", weights_only=True)
    assert names(tmp_path / "job" / "initial") == {WEIGHTS, MANIFEST}


@pytest.mark.parametrize("weights_only", [False, True])
def test_the_copy_of_a_tokenizer_of_ones_own_comes_along(
    source: Path, tmp_path: Path, weights_only: bool
) -> None:
    (source / TOKENIZER).write_bytes(b"{}")
    described = json.loads((source / MANIFEST).read_bytes())
    described["files"][TOKENIZER] = {"bytes": 2}
    (source / MANIFEST).write_text(json.dumps(described))
    link_checkpoint(source, tmp_path / "job", weights_only=weights_only)
    assert os.path.samefile(source / TOKENIZER, tmp_path / "job" / "initial" / TOKENIZER)
    (source / TOKENIZER).unlink()
    with pytest.raises(FileNotFoundError):
        link_checkpoint(source, tmp_path / "other", weights_only=weights_only)
    assert names(tmp_path / "other") == set()


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EPERM, errno.EMLINK])
def test_where_links_are_not_possible_the_files_are_copied(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(initial_weights.os, "link", refuse)
    link_checkpoint(source, tmp_path / "job")
    for file in source.iterdir():
        copy = tmp_path / "job" / "initial" / file.name
        assert copy.read_bytes() == file.read_bytes()
        assert not os.path.samefile(file, copy)


@pytest.mark.parametrize("name", [WEIGHTS, TRAINING, MANIFEST])
def test_of_a_checkpoint_that_is_being_deleted_nothing_is_left(
    source: Path, tmp_path: Path, name: str
) -> None:
    (source / name).unlink()
    with pytest.raises(FileNotFoundError):
        link_checkpoint(source, tmp_path / "job")
    assert names(tmp_path / "job") == set()


def test_an_optimizer_that_the_manifest_has_forgotten_is_not_taken(source: Path, tmp_path: Path) -> None:
    (source / MANIFEST).write_text(json.dumps({"files": {WEIGHTS: {"bytes": 100}}, "position": POSITION}))
    with pytest.raises(FileNotFoundError):
        link_checkpoint(source, tmp_path / "job")
    assert names(tmp_path / "job") == set()


def test_a_file_of_another_size_is_refused(source: Path, tmp_path: Path) -> None:
    (source / WEIGHTS).write_bytes(b"w" * 99)
    with pytest.raises(CheckpointFilesLost, match="it has 99 bytes, 100 were written"):
        link_checkpoint(source, tmp_path / "job")
    assert names(tmp_path / "job") == set()


@pytest.mark.parametrize("content", [b"{", b"[]", b"{}", b'{"files": {"weights.safetensors": 1}}'])
def test_a_damaged_manifest_is_refused(source: Path, tmp_path: Path, content: bytes) -> None:
    (source / MANIFEST).write_bytes(content)
    with pytest.raises(CheckpointFilesLost, match=r"checkpoint\.json is damaged"):
        link_checkpoint(source, tmp_path / "job")
    assert names(tmp_path / "job") == set()
