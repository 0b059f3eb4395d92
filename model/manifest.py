"""What a checkpoint says of itself, and whether its files are what was written: `checkpoint.json`.

The manifest has a checksum of itself and of every other file, so that no reader trusts what a crash or a bad
disk has left. Saved state that does not fit is refused with the reason, never patched up.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from model.config import Run
from model.numerics import ResolvedNumerics
from model.progress import Position
from model.storage.manifest_file import DamagedManifest, parse_content, write_content
from model.storage.tensor_file import CHECKSUMS, file_checksum
from model.tokenizers import TOKENIZERS, BadTokenizer, Tokenizer, load_tokenizer

FORMAT = 1
WEIGHTS = "weights.safetensors"
TRAINING = "training.safetensors"
TOKENIZER = "tokenizer.json"
"""Only in checkpoints whose tokenizer is not built in."""
MANIFEST = "checkpoint.json"


class CheckpointError(Exception):
    """A checkpoint is damaged, or does not fit what it is wanted for; the message says why."""


@dataclass(frozen=True)
class Manifest:
    """What `checkpoint.json` says."""

    run: Run
    data_sha256: str
    """Empty for weights from outside."""
    position: Position
    val_loss: float | None
    """Measured when the checkpoint was written; None for weights from outside."""
    numerics: ResolvedNumerics
    device: str
    threads: int
    files: dict[str, dict[str, Any]]
    """Of each file `bytes` and its checksum, under the checksum's name."""
    ends_texts: bool = False
    """Whether the training text had end-of-text tokens (`Data.ends_texts`). Earlier versions had none,
    and do not say so."""
    format: int = FORMAT


@dataclass(frozen=True)
class VerifiedCheckpoint:
    """A checkpoint whose files `verify` has read and found to be what was written."""

    directory: Path
    manifest: Manifest


def read_manifest(directory: Path) -> Manifest:
    """The manifest of the checkpoint at `directory`; CheckpointError if it is missing, damaged or of another
    format."""
    path = directory / MANIFEST
    try:
        written = path.read_bytes()
        if (found := json.loads(written)["format"]) != FORMAT:
            raise CheckpointError(f"{path} has format {found}; this version reads format {FORMAT}")
        content = parse_content(written)
        run, position = Run.from_json(content["run"]), Position(**content["position"])
        return Manifest(**{**content, "run": run, "position": position})
    except DamagedManifest as damage:
        raise CheckpointError(f"{path} is damaged: {damage}") from damage
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} can't be read: {error!r}") from error


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Write `manifest` into `directory`, whole or not at all, and sync both."""
    run, position = manifest.run.to_json(), asdict(manifest.position)
    write_content(directory / MANIFEST, {**vars(manifest), "run": run, "position": position})


def verify(directory: Path, names: Iterable[str] | None = None) -> VerifiedCheckpoint:
    """Read every file of the checkpoint (or those in `names`).

    CheckpointError if one is missing or is not what was written, byte for byte.
    """
    manifest = read_manifest(directory)
    for name in manifest.files if names is None else names:
        check_file(directory / name, manifest.files[name])
    return VerifiedCheckpoint(directory, manifest)


def check_file(path: Path, expected: dict[str, Any]) -> None:
    """raises CheckpointError if the file is missing or is not what a manifest's entry says, byte for byte"""
    try:
        size = path.stat().st_size
        found = {key: file_checksum(path, key) for key in expected if key in CHECKSUMS}
    except OSError as error:
        raise CheckpointError(f"{path} can't be read: {error!r}") from error
    if size != expected["bytes"]:
        raise CheckpointError(f"{path} is damaged: it has {size} bytes, {expected['bytes']} were written")
    for key, value in found.items():
        if value != expected[key]:
            raise CheckpointError(f"{path} is damaged: its {key} is {value}, {expected[key]} was written")
    if not found:
        raise CheckpointError(f"{path} can't be checked: the manifest has no checksum of it")


def checkpoint_tokenizer(directory: Path, manifest: Manifest) -> Tokenizer:
    """The tokenizer of a checkpoint: the one that is built in, or the copy that lies in its folder.

    raises  CheckpointError if that is missing or damaged
    """
    name = manifest.run.tokenizer
    if name in TOKENIZERS:
        return load_tokenizer(name)
    path = directory / TOKENIZER
    if (expected := manifest.files.get(TOKENIZER)) is None:
        raise CheckpointError(f"{directory} has no copy of its tokenizer {name}")
    check_file(path, expected)
    try:
        return load_tokenizer(name, path.read_bytes())
    except (OSError, BadTokenizer) as error:
        raise CheckpointError(f"{path} can't be read: {error!r}") from error


def mismatches(manifest: Manifest, run: Run, data_sha256: str) -> list[str]:
    """Where a checkpoint differs from `run` and its data in what the course of a training depends on."""
    saved, wanted = manifest.run.to_json(), run.to_json()
    pairs = [("tokenizer", saved["tokenizer"], wanted["tokenizer"])]
    pairs += [
        (f"{section}.{field}", saved[section][field], wanted[section][field])
        for section in ("model", "training", "evaluation")
        for field in wanted[section]
    ]
    pairs += [("the data's sha256", manifest.data_sha256, data_sha256)]
    return [f"{name} is {was} there and {now} here" for name, was, now in pairs if was != now]
