"""What a checkpoint's manifest says of its files, for the API and the record, which can't import
`model.manifest`."""

import json
from pathlib import Path
from typing import Any

from jobs.files.layout import CHECKPOINT_MANIFEST, CHECKPOINT_TRAINING, CHECKPOINT_WEIGHTS
from model.storage.atomic import sync
from model.storage.manifest_file import parse_content, write_content


class CheckpointFilesLost(Exception):
    """A checkpoint's files are not what its manifest says; the message says how."""


def listed_files(manifest: Path) -> dict[str, dict[str, Any]]:
    """The manifest's entry of each file, the weights' among them: `bytes`, and a checksum. raises
    CheckpointFilesLost, OSError"""
    try:
        files: dict[str, dict[str, Any]] = json.loads(manifest.read_bytes())["files"]
        entries = {name: {**entry, "bytes": int(entry["bytes"])} for name, entry in files.items()}
        return {CHECKPOINT_WEIGHTS: entries[CHECKPOINT_WEIGHTS], **entries}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointFilesLost(f"a checkpoint's {CHECKPOINT_MANIFEST} is damaged") from error


def training_state_bytes(folder: Path) -> int:
    """Of the optimizer's state of the checkpoint in `folder`; 0 if it has none, or a damaged manifest."""
    try:
        files = parse_content((folder / CHECKPOINT_MANIFEST).read_bytes())["files"]
        return int(files[CHECKPOINT_TRAINING]["bytes"]) if CHECKPOINT_TRAINING in files else 0
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def drop_training_state(folder: Path) -> None:
    """Keep the weights of the checkpoint in `folder`, and not what going on from there needs.

    Safe to repeat after a crash: the manifest forgets the file before the file goes.
    raises  CheckpointFilesLost for a damaged manifest; OSError
    """
    manifest = folder / CHECKPOINT_MANIFEST
    try:
        content = parse_content(manifest.read_bytes())
        if content["files"].pop(CHECKPOINT_TRAINING, None) is not None:
            write_content(manifest, content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointFilesLost(f"a checkpoint's {CHECKPOINT_MANIFEST} is damaged") from error
    (folder / CHECKPOINT_TRAINING).unlink(missing_ok=True)
    sync(folder)


def check_size(file: Path, expected: dict[str, Any]) -> None:
    """raises CheckpointFilesLost, OSError"""
    found_bytes = file.stat().st_size
    if found_bytes != expected["bytes"]:
        raise CheckpointFilesLost(
            f"the checkpoint's {file.name} is damaged: it has {found_bytes:,} bytes, "
            f"{expected['bytes']:,} were written"
        )
