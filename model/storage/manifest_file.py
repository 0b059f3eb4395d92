"""A checkpoint's manifest as JSON with a checksum of itself. Torch-free: the record changes it too."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from model.storage.atomic import sync

SHA256 = "sha256"


class DamagedManifest(ValueError):
    """A manifest whose checksum does not fit its content."""


def parse_content(written: bytes) -> dict[str, Any]:
    """What a manifest says, without its checksum. raises DamagedManifest, ValueError, KeyError, TypeError"""
    content: dict[str, Any] = json.loads(written)
    if content.pop(SHA256) != content_sha256(content):
        raise DamagedManifest("its sha256 does not fit its content")
    return content


def write_content(path: Path, content: dict[str, Any]) -> None:
    """Write a manifest with its checksum, whole or not at all, and sync it and its folder."""
    temporary = path.with_name(f".tmp-{path.name}")
    with temporary.open("w") as file:
        json.dump(content | {SHA256: content_sha256(content)}, file, indent=2, allow_nan=False)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    sync(path.parent)


def content_sha256(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
