"""What a checkpoint's manifest says of its files, for the API and the record, which can't import
`model.manifest`."""

import json
from pathlib import Path
from typing import Any

from jobs.files.layout import CHECKPOINT_MANIFEST, CHECKPOINT_WEIGHTS


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


def check_size(file: Path, expected: dict[str, Any]) -> None:
    """raises CheckpointFilesLost, OSError"""
    found_bytes = file.stat().st_size
    if found_bytes != expected["bytes"]:
        raise CheckpointFilesLost(
            f"the checkpoint's {file.name} is damaged: it has {found_bytes:,} bytes, "
            f"{expected['bytes']:,} were written"
        )
