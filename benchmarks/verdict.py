"""Where the lecture's text lies. Benchmarks and tests read it by path: no copy of it is committed."""

import hashlib
import os
from pathlib import Path

NAME = "the-verdict.txt"
SHA256 = "b41e41a68f0398a3154ae69e2e4c0e2694e17fe0d66730536837f1b01935b31f"


def find_verdict() -> Path | None:
    """Path of The Verdict in the folder `PRETRAIN_DATASET_MIRROR`, else in `../shared/datasets` beside the
    repository; None if it is in neither. ValueError if a file of that name is another text."""
    folders = [Path(__file__).parents[2] / "shared" / "datasets"]
    if mirror := os.environ.get("PRETRAIN_DATASET_MIRROR"):
        folders.insert(0, Path(mirror))
    path = next((folder / NAME for folder in folders if (folder / NAME).is_file()), None)
    if path is not None and (found := hashlib.sha256(path.read_bytes()).hexdigest()) != SHA256:
        raise ValueError(f"{path} has sha256 {found}, The Verdict has {SHA256}")
    return path
